"""`NodeScheduled`: an event of a run."""

from __future__ import annotations

import msgspec


class NodeScheduled(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="type", tag="node.scheduled"
):
    """An attempt of a node instance was handed to the workers.

    `covers` counts the items that it gathers; `stores` names the nodes whose outputs it puts into the CAS.
    """

    path: str
    attempt: int
    node_type: str
    covers: int | None = None
    stores: list[str] = []
