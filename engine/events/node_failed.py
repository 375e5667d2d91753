"""`NodeFailed`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.errors import NodeError


class NodeFailed(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.failed"
):
    """A node instance failed for good. `handled` says that `on_error` deals with it."""

    path: str
    attempt: int
    error: NodeError
    handled: bool = False
    started_at: int | None = None
    finished_at: int | None = None
    edges: list[bool] = []
