"""`SignalRun`: a public command."""

from __future__ import annotations

import msgspec

from engine.payload import NULL, Payload


class SignalRun(msgspec.Struct, frozen=True, kw_only=True):
    """Deliver a named signal with a payload to the run's `wait` nodes."""

    command_id: str
    run_id: str
    name: str
    payload: Payload = NULL
    reply_to: int | None = None
