"""`SignalDelivered`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class SignalDelivered(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="signal.delivered"
):
    """A signal released the node at `path`, or is kept for the next one that waits for it."""

    name: str
    command_id: str
    payload: Payload
    path: str | None = None
