"""`NodeRouted`: an event of a run."""

from __future__ import annotations

import msgspec


class NodeRouted(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.routed"
):
    """More outgoing edges of a node were decided, beginning with edge `start`."""

    path: str
    start: int
    edges: list[bool]
