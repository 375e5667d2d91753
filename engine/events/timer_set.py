"""`TimerSet`: an event of a run."""

from __future__ import annotations

import msgspec


class TimerSet(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="timer.set"):
    """A durable timer was armed."""

    path: str
    attempt: int
    purpose: str
    due_at: int
