"""The workflows of the benchmarks."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def _noop(node_id: str) -> Json:
    return {"id": node_id, "type": "function", "config": {"function": "noop", "inputs": {}}}


def chain(length: int, name: str) -> Json:
    """No-op nodes in a row."""
    nodes = [_noop(f"n{index}") for index in range(length)]
    edges = [{"from": f"n{index}", "to": f"n{index + 1}"} for index in range(length - 1)]
    return {"name": name, "nodes": nodes, "edges": edges}


def fan(width: int, name: str) -> Json:
    """A map of a no-op over the numbers below `width`."""
    inner = {"type": "function", "config": {"function": "noop", "inputs": {"i": "${item}"}}}
    numbers = {
        "id": "numbers",
        "type": "function",
        "config": {"function": "numbers", "inputs": {"count": width}},
    }
    each = {"id": "each", "type": "map", "config": {"items": "nodes.numbers.output", "node": inner}}
    return {"name": name, "nodes": [numbers, each], "edges": [{"from": "numbers", "to": "each"}]}
