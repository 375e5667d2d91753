"""`NodeSucceeded`: an event of a run."""

from __future__ import annotations

import msgspec

from engine.payload import Payload


class NodeSucceeded(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.succeeded"
):
    """A node instance ended well. `edges` tells of its first outgoing edges whether they are taken."""

    path: str
    attempt: int
    output: Payload
    started_at: int | None = None
    finished_at: int | None = None
    edges: list[bool] = []
