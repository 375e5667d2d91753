"""What the api keeps of its own: keys, requests that it answered, business keys, audit. Times are Unix ms."""

from __future__ import annotations

from typing import Literal

import msgspec

Role = Literal["admin", "member", "reader", "service"]


class ApiKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key by the SHA-256 of its text in hex (`digest`); `name` is its author's."""

    key_id: str
    digest: str
    workspace: str
    role: Role
    name: str
    created_at: int
    revoked_at: int | None = None


class StartClaim(msgspec.Struct, frozen=True):
    """The run that an idempotency key stands for, and the hash of the request that it was first used with."""

    run_id: str
    request_hash: str


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what. `entry` numbers what is stored (0: not yet stored)."""

    workspace: str
    at: int
    author: str
    action: str
    target: str
    detail: msgspec.Raw | None = None
    entry: int = 0
