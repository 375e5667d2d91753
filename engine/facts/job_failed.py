"""`JobFailed`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class JobFailed(msgspec.Struct, frozen=True, kw_only=True):
    """A runner gave a job up. `retryable` is false for errors that no repetition mends."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    error: NodeError
    retryable: bool
    started_at: int
    finished_at: int
    worker: str
