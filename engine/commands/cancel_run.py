"""`CancelRun`: a public command."""

from __future__ import annotations

import msgspec


class CancelRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask to cancel a run; compensations run."""

    command_id: str
    run_id: str
    reason: str | None = None
    reply_to: int | None = None
