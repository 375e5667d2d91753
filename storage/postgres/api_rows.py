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


class StartRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A start with an idempotency key; `run_id` is what it gets when the key is new."""

    idempotency_key: str
    request_hash: str
    run_id: str


class StartAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The run of an idempotency key.

    `new`: the request's own. `same`: asked for before, by the same request. `different`: by another one.
    """

    run_id: str
    outcome: Literal["new", "same", "different"]


class Claim(msgspec.Struct, frozen=True):
    """Who holds a business key: `claimed` when it is the run that asked."""

    run_id: str
    claimed: bool


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what. `entry` numbers what is stored (0: not yet stored)."""

    workspace: str
    at: int
    author: str
    action: str
    target: str
    detail: msgspec.Raw | None = None
    entry: int = 0
