"""`PauseRequested`: a fact in the log of a run."""

from __future__ import annotations

import msgspec


class PauseRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody may and wants to pause the run."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    reason: str | None = None
    reply_to: int | None = None
