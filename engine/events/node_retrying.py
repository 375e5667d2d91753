"""`NodeRetrying`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class NodeRetrying(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.retrying"
):
    """An attempt failed and another will be made at `due_at` (Unix ms)."""

    path: str
    attempt: int
    error: NodeError
    due_at: int
