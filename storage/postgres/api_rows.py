"""What the api keeps of its own: keys, requests that it answered, business keys, audit. Times are Unix ms."""

from __future__ import annotations

from typing import Literal, NamedTuple

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
    """The run that an idempotency key stands for, and the hash of the request that it was first used with.

    The rest is what that request chose: `definition_hash` is None when that was not kept.
    """

    run_id: str
    request_hash: str
    workflow: str | None = None
    version: int | None = None
    definition_hash: str | None = None


class RunKey(NamedTuple):
    """A business key: one live run a key and workflow."""

    workspace: str
    workflow: str
    key: str


class KeyHolder(msgspec.Struct, frozen=True):
    """The run that has a business key, and the hash of the request that claimed it.

    Until `trusted_until` (Unix ms) its start is under way to Kafka; then nobody knows whether it got there.
    None: it is there.
    """

    run_id: str
    request_hash: str | None = None
    trusted_until: int | None = None


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """Who did what to what. `entry` numbers what is stored (0: not yet stored)."""

    workspace: str
    at: int
    author: str
    action: str
    target: str
    detail: msgspec.Raw | None = None
    entry: int = 0
