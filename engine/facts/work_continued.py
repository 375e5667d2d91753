"""`WorkContinued`: a fact in the log of a run."""

from __future__ import annotations

import msgspec


class WorkContinued(msgspec.Struct, frozen=True, kw_only=True):
    """The run's own reminder that a decision left work over; `position` numbers the reminders of a run."""

    workspace: str
    run_id: str
    position: int
