"""Short ways to write workflows in tests."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def node(node_id: str, kind: str, config: Json | None = None, **fields: Any) -> Json:  # noqa: ANN401
    return {"id": node_id, "type": kind, "config": config or {}, **fields}


def fn(node_id: str, function: str = "f", inputs: object = None, **fields: Any) -> Json:  # noqa: ANN401
    """A `function` node."""
    config = {"function": function} | ({} if inputs is None else {"inputs": inputs})
    return node(node_id, "function", config, **fields)


def inner(function: str = "f", inputs: object = None) -> Json:
    """The `function` node inside a map or a loop."""
    made = fn("", function, inputs)
    del made["id"]
    return made


def flow(nodes: list[Json], *edges: str, **fields: object) -> Json:
    """A workflow; edges are written `a > b` or `a > b if CONDITION` (`if if` and `if else` are the words)."""
    return {"name": "test", "nodes": nodes, "edges": [_edge(text) for text in edges], **fields}


def _edge(text: str) -> Json:
    way, _, condition = text.partition(" if ")
    source, target = way.split(" > ")
    return {"from": source, "to": target} | ({"condition": condition} if condition else {})
