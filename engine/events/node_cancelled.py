"""`NodeCancelled`: an event of a run."""

from __future__ import annotations

import msgspec


class NodeCancelled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.cancelled"
):
    """A node instance was stopped before its end."""

    path: str
    attempt: int
    reason: str
