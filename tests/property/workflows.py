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
UNDONE_CHILD = {
    "name": "undone",
    "nodes": [
        {"id": "c1", "type": "function", "config": {"function": "f"}, "compensate": "u1"},
        {"id": "c2", "type": "function", "config": {"function": "f"}},
        {"id": "u1", "type": "function", "config": {"function": "f"}},
    ],
    "edges": [{"from": "c1", "to": "c2"}],
}
TRIED_AGAIN = {"max_attempts": 3, "backoff_ms": 10, "non_retryable": ["FATAL"]}
REPEATED = ("function", "composite")
"""Types that may have a `retry`."""


def inputs() -> st.SearchStrategy[Json]:
    """Inputs of a run: three flags, items for maps, a text; large ones travel by reference at times."""
    given: dict[str, st.SearchStrategy[Any]] = {flag: st.booleans() for flag in FLAGS}
    # Mostly long enough for what reads `xs[3]`, or few runs would get far.
    given["xs"] = st.sampled_from([4, 4, 4, 0]).flatmap(
        lambda least: st.lists(st.integers(0, 9), min_size=least, max_size=6)
    )
    given["ys"] = st.lists(st.sampled_from(["y", "y" * 80]), max_size=4)
    given["pad"] = st.sampled_from(["p", "p" * 100])
    return st.fixed_dictionaries(given)


def _some_inputs(draw: Draw, *more: str) -> Json:
    """The `inputs` of a config, or none; what reads beyond the end of a list fails."""
    reading = ("inputs.pad", *more)
    fields = draw(st.sampled_from([(), (), ("inputs.pad",), reading, reading, ("inputs.xs[3]",)]))
    named = {f"i{number}": f"${{{field}}}" for number, field in enumerate(fields)}
    return {"inputs": named} if named else {}


def _function(draw: Draw) -> Json:
    return {"function": "f", **_some_inputs(draw)}


def _conditional(draw: Draw) -> Json:
    return {"condition": f"inputs.{draw(st.sampled_from(FLAGS))}"}


def _transform(draw: Draw) -> Json:
    return {"expression": draw(st.sampled_from(["size(inputs.xs)", "inputs.pad"]))}


def _filter(_draw: Draw) -> Json:
    return {"items": "inputs.xs", "condition": "item > 3"}


def _aggregate(_draw: Draw) -> Json:
    return {"items": "inputs.xs", "strategy": "sum"}


def _inner(draw: Draw, root: str) -> Json:
    kind = draw(st.sampled_from(["function", "function", "transform", *["composite"] * 3]))
    if kind == "transform":
        return {"type": kind, "config": {"expression": draw(st.sampled_from([root, "inputs.pad"]))}}
    config = {"function": "f"} if kind == "function" else _child(draw)
    node: Json = {"type": kind, "config": config | _some_inputs(draw, root)}
    if draw(st.booleans()):
        node["retry"] = TRIED_AGAIN
    if kind == "composite" and draw(st.booleans()):
        node["timeout_ms"] = 50
    return node


def _map(draw: Draw) -> Json:
    return {
        "items": draw(st.sampled_from(["inputs.xs", "inputs.ys"])),
        "node": _inner(draw, "item"),
        "max_concurrency": draw(st.integers(1, 4)),
        "on_item_error": draw(st.sampled_from(["fail", "collect"])),
    }


def _loop(draw: Draw) -> Json:
    last = draw(st.integers(0, 2))
    conditions = [f"iteration < {last}", f"iteration < {last} && size(inputs.pad) > 0"]
    node = _inner(draw, "iteration")
    if node["type"] != "transform":
        conditions += [f"iteration < {last} || output.ok", "size(output.pad) < 9"]
    return {
        "node": node,
        "condition": draw(st.sampled_from(conditions)),
        "max_iterations": draw(st.integers(1, 4)),
    }


def _child(draw: Draw) -> Json:
    return {"definition": draw(st.sampled_from([CHILD, UNDONE_CHILD]))}


def _composite(draw: Draw) -> Json:
    return _child(draw) | _some_inputs(draw)


def _wait(draw: Draw) -> Json:
    if draw(st.booleans()):
        return {"signal": draw(st.sampled_from(SIGNALS))}
    times = [("duration_ms", 0), ("duration_ms", 20), ("duration_ms", "${size(inputs.pad)}")]
    name, time = draw(st.sampled_from([*times, ("until", "${inputs.pad}")]))
    return {name: time}


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
    kinds = st.sampled_from(["function"] * 4 + ["map", "loop"] + list(CONFIGS))
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
    known += ["size(inputs.pad) > 9", "inputs.xs[3] > 4"]
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
