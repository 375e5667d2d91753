"""`UploadWorkflow`: a public command."""

from __future__ import annotations

import msgspec


class UploadWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """Ask for a new version of a workflow; `tag` moves to it."""

    command_id: str
    name: str
    definition: bytes
    tag: str = "main"
    reply_to: int | None = None
