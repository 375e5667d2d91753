"""`NodeStarted`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class NodeStarted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.started"
):
    """A node instance is under way: a long job reported in, or a map, loop, composite or wait opened."""

    path: str
    attempt: int
    node_type: str
    started_at: int | None = None
    worker: str | None = None
    total: int | None = None
    items: Payload | None = None
    child_run_id: str | None = None
    due_at: int | None = None
    signal: str | None = None
