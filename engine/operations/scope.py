"""The scope of an expression, built of named values: the same in the coordinator and in a runner."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable


def build_scope(entries: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """`inputs`, `item`, ... by name; `nodes.ID` as `nodes[ID].output`; `nodes.ID.error` as `nodes[ID].error`.

    Nodes that have no output (skipped, failed, not yet run) are absent, so that `has(nodes.ID)` tells.
    """
    nodes: dict[str, dict[str, Any]] = {}
    scope: dict[str, Any] = {"nodes": nodes, "inputs": None}
    for name, value in entries:
        head, _, rest = name.partition(".")
        if not rest:
            scope[head] = value
            continue
        node_id, _, kind = rest.partition(".")
        nodes.setdefault(node_id, {})[kind or "output"] = value
    scope["upstream"] = {node_id: values["output"] for node_id, values in nodes.items() if "output" in values}
    return scope
