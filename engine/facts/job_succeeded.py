"""`JobSucceeded`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class JobSucceeded(msgspec.Struct, frozen=True, kw_only=True):
    """A runner finished a job; large output is in the CAS already."""

    workspace: str
    run_id: str
    path: str
    attempt: int
    output: Payload
    started_at: int
    finished_at: int
    worker: str
