"""`Reply`: the outcome of a command, to the API instance that waits for it."""

from __future__ import annotations

import msgspec

from engine.errors import Issue


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """`ok` with a JSON `body`, or a refusal with code, message and issues. `reply_to` is a partition."""

    command_id: str
    reply_to: int
    ok: bool
    run_id: str | None = None
    code: str | None = None
    message: str | None = None
    issues: list[Issue] = []
    body: bytes | None = None
