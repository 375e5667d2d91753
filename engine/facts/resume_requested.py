"""`ResumeRequested`: a fact in the log of a run."""

from __future__ import annotations

import msgspec


class ResumeRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody may and wants to resume the run."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    reason: str | None = None
    reply_to: int | None = None
