"""`StartRun`: a public command."""

from __future__ import annotations

import msgspec

from engine.payload import NULL, Payload


class StartRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a run of a workflow: by name (`tag`, `version`), `definition` (JSON) or `definition_hash`."""

    command_id: str
    run_id: str
    workflow: str | None = None
    tag: str | None = None
    version: int | None = None
    definition: bytes | None = None
    definition_hash: str | None = None
    inputs: Payload = NULL
    key: str | None = None
    priority: str | None = None
    requested_at: int = 0
    reply_to: int | None = None
