"""`JobStarted`: a fact in the log of a run."""

from __future__ import annotations

import msgspec


class JobStarted(msgspec.Struct, frozen=True, kw_only=True):
    """A runner has been at a job for half a second; sent for long jobs alone. Times are Unix milliseconds."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    started_at: int
    worker: str
