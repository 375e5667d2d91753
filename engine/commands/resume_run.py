"""`ResumeRun`: a public command."""

from __future__ import annotations

import msgspec


class ResumeRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask to go on with a paused run."""

    command_id: str
    run_id: str
    reason: str | None = None
    reply_to: int | None = None
