"""`TimerFired`: a fact in the log of a run."""

from __future__ import annotations

import msgspec


class TimerFired(msgspec.Struct, frozen=True, kw_only=True):
    """A timer of this run is due. `purpose` is `retry`, `wait` or `timeout`."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    purpose: str
    due_at: int
