"""What only the whole graph shows: cycles, joins that cannot be met, compensations that make no sense."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

from engine.graph.bodies import Compiling, as_inner_node
from engine.graph.graph import RETRIED
from engine.model import Goto, Retry

if TYPE_CHECKING:
    from engine.graph.graph import GraphNode
    from engine.model import InnerNode, JsonObject, Node, Workflow

MAX_WAYS_OUT = 10_000
"""Edges, `goto` and the paths of a loop: one event tells which of them are taken."""

_COMPENSATIONS = frozenset({"function", "http"})


def check_nodes(workflow: Workflow, nodes: list[GraphNode], compiling: Compiling) -> None:
    """Note what is wrong with single nodes, seen with their place in the graph."""
    undone: dict[int, str] = {}
    for node, compiled in zip(workflow.nodes, nodes, strict=True):
        where: list[str | int] = ["nodes", compiled.index]
        _check_compensation(node, compiled, undone, compiling)
        if len(compiled.out) > MAX_WAYS_OUT:
            message = f"{len(compiled.out)} ways lead on from `{node.id}`; {MAX_WAYS_OUT} are the most"
            compiling.fail(where, message, "TOO_MANY_EDGES")
        if compiled.counted and compiled.joins > compiled.in_degree:
            message = f"`{node.id}` joins {compiled.joins} edges, but {compiled.in_degree} lead to it"
            compiling.fail([*where, "join", "count"], message, "JOIN_UNSATISFIABLE")
        _check_work(node, where, compiling)
        inner = node.config.get("node") if compiled.inner is not None else None
        if inner is not None:
            _check_inner(inner, [*where, "config", "node"], compiling)
    if all(node.detached for node in nodes):
        compiling.fail(["nodes"], "every node is a compensation: there is nothing to begin with")


def _check_compensation(
    node: Node, compiled: GraphNode, undone: dict[int, str], compiling: Compiling
) -> None:
    where: list[str | int] = ["nodes", compiled.index]
    code = "COMPENSATION_INVALID"
    if compiled.detached and (compiled.in_degree or compiled.out):
        message = f"`{node.id}` compensates another node, so it can have no edges"
        compiling.fail([*where, "id"], message, code)
    if compiled.detached and compiled.body.type not in _COMPENSATIONS:
        compiling.fail([*where, "type"], "a compensation is a `function` or an `http` node", code)
    if compiled.compensate is None:
        return
    pointer = [*where, "compensate"]
    if compiled.detached:
        compiling.fail(pointer, f"`{node.id}` is a compensation itself, and nothing undoes it", code)
    elif compiled.compensate in undone:
        message = f"`{node.compensate}` compensates `{undone[compiled.compensate]}` already; it runs once"
        compiling.fail(pointer, message, code)
    undone[compiled.compensate] = node.id


def _check_work(node: InnerNode, where: list[str | int], compiling: Compiling) -> None:
    kind = "function" if node.type == "task" else node.type
    if kind not in RETRIED and node.retry != Retry():
        known = ", ".join(f"`{name}`" for name in sorted(RETRIED))
        message = f"a `{kind}` node is not tried again; `retry` is for {known}"
        compiling.fail([*where, "retry"], message, "RETRY_UNSUPPORTED")
    if kind == "aggregate" and node.config["strategy"] == "group" and "by" not in node.config:
        compiling.fail([*where, "config"], "aggregate `group` needs `by`")


def _check_inner(inner: JsonObject, where: list[str | int], compiling: Compiling) -> None:
    node = as_inner_node(inner)
    _check_work(node, where, compiling)
    if node.type == "aggregate" and "items" not in node.config:
        message = "an aggregate inside a `map` or a `loop` has no upstream nodes, so it needs `items`"
        compiling.fail([*where, "config"], message)


def check_cycle(workflow: Workflow, nodes: list[GraphNode], compiling: Compiling) -> None:
    """Note a cycle, at an edge that is part of it."""
    sorter = TopologicalSorter({node.index: [source for source, _ in node.upstream] for node in nodes})
    try:
        sorter.prepare()
    except CycleError as error:
        circle: list[int] = error.args[1]
        names = " -> ".join(workflow.nodes[index].id for index in circle)
        message = f"the graph has a cycle: {names}; only a `loop` node repeats, and `goto` goes forward"
        compiling.fail(_edge_in(workflow, circle), message, "GRAPH_CYCLE")


def _edge_in(workflow: Workflow, circle: list[int]) -> list[str | int]:
    """The place of an edge of the circle: a `goto` or a loop's path if one takes part, else the last edge."""
    steps = [(workflow.nodes[source], workflow.nodes[target].id) for source, target in pairwise(circle)]
    indices = {node.id: index for index, node in enumerate(workflow.nodes)}
    for source, target in steps:
        if isinstance(source.on_error, Goto) and source.on_error.goto == target:
            return ["nodes", indices[source.id], "on_error", "goto"]
        for path in ("break_path", "timeout_path"):
            if source.type == "loop" and target in source.config.get(path, []):
                return ["nodes", indices[source.id], "config", path]
    pairs = {(source.id, target) for source, target in steps}
    places = [index for index, edge in enumerate(workflow.edges) if (edge.source, edge.target) in pairs]
    return ["edges", places[-1]] if places else ["edges"]
