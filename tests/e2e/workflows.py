"""Workflows of the tests, in short."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

Json = dict[str, Any]


def call(node_id: str, name: str, inputs: Json | None = None, **more: object) -> Json:
    """A node that calls a function."""
    return {"id": node_id, "type": "function", "config": {"function": name, "inputs": inputs or {}}, **more}


def work(node_id: str, seconds: float) -> Json:
    """A node that takes a while."""
    return call(node_id, "e2e_work", {"seconds": seconds})


def signalled(node_id: str, signal: str) -> Json:
    """A node that waits for a signal."""
    return {"id": node_id, "type": "wait", "config": {"signal": signal}}


def row(name: str, *nodes: Json, **more: object) -> Json:
    """A workflow whose nodes run one after the other."""
    ids = [node["id"] for node in nodes]
    edges = [{"from": before, "to": after} for before, after in pairwise(ids)]
    return {"name": name, "nodes": list(nodes), "edges": edges, **more}


def busy(name: str, seconds: float) -> Json:
    """Five nodes in a row and a map of five, each of which takes `seconds`."""
    inner = {"type": "function", "config": {"function": "e2e_work", "inputs": {"seconds": seconds}}}
    each = {"id": "each", "type": "map", "config": {"items": "[1, 2, 3, 4, 5]", "node": inner}}
    return row(name, *(work(f"n{index}", seconds) for index in range(5)), each)


BUSY_NODES = 5 + 1 + 5
"""Rows of `run_nodes` of one run of `busy`."""
