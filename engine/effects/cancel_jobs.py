"""`CancelJobs`: word to all runners that results are no longer wanted."""

from __future__ import annotations

import msgspec


class CancelJobs(msgspec.Struct, frozen=True, kw_only=True):
    """Drop what is queued and stop what runs: the node instances `paths` of a run, or with no path all of it.

    A job with an attempt greater than the one named by `attempts` (same order as `paths`) goes on.
    """

    workspace: str
    run_id: str
    paths: list[str] = []
    attempts: list[int] = []
    reason: str
