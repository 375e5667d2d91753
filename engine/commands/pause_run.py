"""`PauseRun`: a public command."""

from __future__ import annotations

import msgspec


class PauseRun(msgspec.Struct, frozen=True, kw_only=True):
    """Ask to dispatch nothing more until the run is resumed."""

    command_id: str
    run_id: str
    reason: str | None = None
    reply_to: int | None = None
