"""`SignalKept`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class SignalKept(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="signal.kept"):
    """A signal came before any node waited for it, and is kept."""

    name: str
    payload: Payload
