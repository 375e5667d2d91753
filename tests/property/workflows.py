"""Random workflows: acyclic, of all node types, with every kind of edge; and inputs for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

if TYPE_CHECKING:
    from collections.abc import Callable

Json = dict[str, Any]
Draw = Any
FLAGS = ("b0", "b1", "b2")
SIGNALS = ("s0", "s1")
CHILD = {
    "name": "child",
    "nodes": [
        {"id": "c1", "type": "function", "config": {"function": "f"}},
        {"id": "c2", "type": "function", "config": {"function": "f"}},
    ],
    "edges": [{"from": "c1", "to": "c2"}],
}
TRIED_AGAIN = {"max_attempts": 3, "backoff_ms": 10, "non_retryable": ["FATAL"]}
REPEATED = ("function", "composite")
"""Types that may have a `retry`."""


def inputs() -> st.SearchStrategy[Json]:
    """Inputs of a run: three flags, and items for maps."""
    flags: dict[str, st.SearchStrategy[Any]] = {flag: st.booleans() for flag in FLAGS}
    return st.fixed_dictionaries(flags | {"xs": st.lists(st.integers(0, 9), max_size=6)})


def _function(_draw: Draw) -> Json:
    return {"function": "f"}


def _conditional(draw: Draw) -> Json:
    return {"condition": f"inputs.{draw(st.sampled_from(FLAGS))}"}


def _transform(_draw: Draw) -> Json:
    return {"expression": "size(inputs.xs)"}


def _filter(_draw: Draw) -> Json:
    return {"items": "inputs.xs", "condition": "item > 3"}


def _aggregate(_draw: Draw) -> Json:
    return {"items": "inputs.xs", "strategy": "sum"}


def _inner(draw: Draw) -> Json:
    kind = draw(st.sampled_from(["function", "function", "transform", "composite"]))
    if kind == "function":
        retry = {"retry": TRIED_AGAIN} if draw(st.booleans()) else {}
        return {"type": "function", "config": {"function": "f"}, **retry}
    if kind == "transform":
        return {"type": "transform", "config": {"expression": "size(inputs.xs)"}}
    return {"type": "composite", "config": {"definition": CHILD}}


def _map(draw: Draw) -> Json:
    return {
        "items": "inputs.xs",
        "node": _inner(draw),
        "max_concurrency": draw(st.integers(1, 4)),
        "on_item_error": draw(st.sampled_from(["fail", "collect"])),
    }


def _loop(draw: Draw) -> Json:
    return {
        "node": _inner(draw),
        "condition": f"iteration < {draw(st.integers(0, 2))}",
        "max_iterations": draw(st.integers(1, 3)),
    }


def _composite(_draw: Draw) -> Json:
    return {"definition": CHILD}


def _wait(draw: Draw) -> Json:
    if draw(st.booleans()):
        return {"duration_ms": draw(st.sampled_from([0, 20]))}
    return {"signal": draw(st.sampled_from(SIGNALS))}


def _nothing(_draw: Draw) -> Json:
    return {}


CONFIGS: dict[str, Callable[[Draw], Json]] = {
    "function": _function,
    "conditional": _conditional,
    "transform": _transform,
    "filter": _filter,
    "aggregate": _aggregate,
    "map": _map,
    "loop": _loop,
    "composite": _composite,
    "wait": _wait,
    "parallel": _nothing,
    "join": _nothing,
    "start": _nothing,
    "end": _nothing,
}
TIMED = frozenset({"map", "loop", "composite", "wait"})


@st.composite
def workflows(draw: Draw, sizes: tuple[int, ...] = (1, 3, 6, 9, 12)) -> Json:
    """A workflow. Nodes are in topological order: every way leads from a lower to a higher index."""
    count = draw(st.sampled_from(sizes))
    kinds = st.sampled_from(["function"] * 6 + list(CONFIGS))
    nodes = [_node(draw, index, count, draw(kinds)) for index in range(count)]
    edges = [edge for target in range(1, count) for edge in _edges_into(draw, nodes, target)]
    for node in nodes[: draw(st.integers(0, 3))]:
        undo = f"undo-{node['id']}"
        node["compensate"] = undo
        nodes.append({"id": undo, "type": "function", "config": {"function": "f"}, "retry": TRIED_AGAIN})
    _joins(draw, nodes[:count], edges)
    return {"name": "random", "nodes": nodes, "edges": edges}


def _later(draw: Draw, index: int, count: int) -> list[str]:
    return [f"n{target}" for target in sorted(draw(st.sets(st.integers(index + 1, count - 1), max_size=2)))]


def _node(draw: Draw, index: int, count: int, kind: str) -> Json:
    config = CONFIGS[kind](draw)
    node: Json = {"id": f"n{index}", "type": kind, "config": config}
    if kind in REPEATED and draw(st.booleans()):
        node["retry"] = TRIED_AGAIN
    if kind in TIMED and draw(st.booleans()):
        node["timeout_ms"] = 50
    on_error = draw(st.sampled_from(["fail", "fail", "skip", "goto"]))
    if on_error == "goto" and index + 1 < count:
        node["on_error"] = {"goto": f"n{draw(st.integers(index + 1, count - 1))}"}
    elif on_error == "skip":
        node["on_error"] = "skip"
    if kind == "loop" and index + 1 < count:
        config["break_path"] = _later(draw, index, count)
        config["timeout_path"] = _later(draw, index, count)
    return node


def _edges_into(draw: Draw, nodes: list[Json], target: int) -> list[Json]:
    edges = []
    for source in sorted(
        draw(
            st.sets(
                st.integers(max(0, target - 4), target - 1),
                min_size=draw(st.sampled_from([0, 1, 1, 1])),
                max_size=3,
            )
        )
    ):
        condition = draw(st.sampled_from(_conditions(nodes[source]["type"])))
        edge = {"from": f"n{source}", "to": f"n{target}"}
        edges.append(edge if condition is None else edge | {"condition": condition})
    return edges


def _conditions(kind: str) -> list[str | None]:
    known: list[str | None] = [None, None, None, "else", *(f"inputs.{flag}" for flag in FLAGS)]
    if kind == "function":
        known.append("output.ok")
    if kind == "conditional":
        known += ["if", "if", "else"]
    return known


def ways_into(workflow: Json) -> dict[str, list[tuple[str, str, str | None]]]:
    """All that leads to each node: (source, kind of edge, condition)."""
    ways: dict[str, list[tuple[str, str, str | None]]] = {node["id"]: [] for node in workflow["nodes"]}
    for edge in workflow["edges"]:
        ways[edge["to"]].append((edge["from"], "normal", edge.get("condition")))
    for node in workflow["nodes"]:
        if isinstance(node.get("on_error"), dict):
            ways[node["on_error"]["goto"]].append((node["id"], "error", None))
        for kind in ("break", "timeout"):
            for target in node["config"].get(f"{kind}_path", []):
                ways[target].append((node["id"], kind, None))
    return ways


def _joins(draw: Draw, nodes: list[Json], edges: list[Json]) -> None:
    ways = ways_into({"nodes": nodes, "edges": edges})
    for node in nodes:
        degree = len(ways[node["id"]])
        if degree:
            counts = [{"count": count} for count in range(1, degree + 1)]
            node["join"] = draw(st.sampled_from(["all", "all", "any", *counts]))
