"""`CancelRequested`: a fact in the log of a run."""

from __future__ import annotations

import msgspec

PARENT = "parent"
"""The author when a parent run cancels its child; the command id is then `RUN/PATH/ATTEMPT` of its node."""


class CancelRequested(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody may and wants to cancel the run."""

    workspace: str
    run_id: str
    command_id: str
    author: str
    reason: str | None = None
    reply_to: int | None = None
