"""`SignalReceived`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.payload import NULL, Payload


class SignalReceived(msgspec.Struct, frozen=True, kw_only=True):
    """A named signal arrived."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    name: str
    payload: Payload = NULL
    reply_to: int | None = None
