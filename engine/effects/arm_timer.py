"""`ArmTimer`: ask for a `TimerFired` in the run's log."""

from __future__ import annotations

import msgspec


class ArmTimer(msgspec.Struct, frozen=True, kw_only=True):
    """Fire once at `due_at` (Unix ms). Never cancelled: a firing for an attempt that is over is ignored."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    purpose: str
    due_at: int
