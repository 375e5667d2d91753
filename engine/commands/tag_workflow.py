"""`TagWorkflow`: a public command."""

from __future__ import annotations

import msgspec


class TagWorkflow(msgspec.Struct, frozen=True, kw_only=True):
    """Ask to point a tag at an existing version."""

    command_id: str
    name: str
    tag: str
    version: int
    reply_to: int | None = None
