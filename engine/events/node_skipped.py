"""`NodeSkipped`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class NodeSkipped(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.skipped"
):
    """A node instance will not run."""

    path: str
    reason: str
    error: NodeError | None = None
    edges: list[bool] = []
