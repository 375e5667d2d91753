"""`compile_graph`: a workflow to its graph, or every reason why not."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

from engine.errors import Issue, Refusal
from engine.graph.bodies import (
    EDGE_ROOTS,
    ITEM_ROOTS,
    ITERATION_ROOTS,
    Compiling,
    compile_body,
    inner_node,
)
from engine.graph.checks import check_cycle, check_nodes
from engine.graph.graph import EdgeKind, Graph, GraphEdge, GraphNode
from engine.model import Count, Goto, Node, Workflow, check_schema, parse_workflow

MAX_CHILD_DEPTH = 16

_LOOP_EXITS: tuple[tuple[EdgeKind, str], ...] = (("break", "break_path"), ("timeout", "timeout_path"))
_ONWARD = frozenset({"normal", "break"})
"""Kinds of edges that lead on from a node that ended well."""


def compile_graph(workflow: Workflow, digest: str, *, depth: int = 0) -> Graph:
    """Compile; Refusal WORKFLOW_INVALID lists every issue with its JSON pointer."""
    by_id = {node.id: index for index, node in enumerate(workflow.nodes)}
    compiling = Compiling(frozenset(by_id))
    _check_ids(workflow, compiling)
    nodes = [_node(index, node, compiling) for index, node in enumerate(workflow.nodes)]
    _edges(workflow, nodes, by_id, compiling)
    _exits(workflow, nodes, by_id, compiling)
    check_nodes(workflow, nodes, compiling)
    check_cycle(workflow, nodes, compiling)
    _check_children(compiling, depth)
    if isinstance(workflow.inputs, dict):
        for issue in check_schema(workflow.inputs):
            compiling.issues.append(Issue("/inputs" + issue.pointer, issue.message, issue.code))
    if compiling.issues:
        message = f"the workflow cannot run: {len(compiling.issues)} issue(s)"
        raise Refusal("WORKFLOW_INVALID", message, compiling.issues)
    flow = [node for node in nodes if not node.detached]
    return Graph(
        hash=digest,
        name=workflow.name,
        nodes=nodes,
        by_id=by_id,
        starts=[node.index for node in flow if node.in_degree == 0],
        terminals=[node.index for node in flow if not any(edge.kind in _ONWARD for edge in node.out)],
        inputs=workflow.inputs,
        queues=frozenset(
            body.queue for node in nodes for body in (node.body, node.inner) if body is not None
        ),
        children=compiling.children,
    )


@lru_cache(maxsize=512)
def load_graph(definition: bytes, digest: str) -> Graph:
    """Parse and compile a stored definition (remembered by its content)."""
    return compile_graph(parse_workflow(definition), digest)


def _check_ids(workflow: Workflow, compiling: Compiling) -> None:
    seen: set[str] = set()
    for index, node in enumerate(workflow.nodes):
        if node.id in seen:
            compiling.fail(
                ["nodes", index, "id"], f"another node has the id `{node.id}` already", "NODE_DUPLICATE"
            )
        seen.add(node.id)


def _node(index: int, node: Node, compiling: Compiling) -> GraphNode:
    where: list[str | int] = ["nodes", index, "config"]
    compiled = GraphNode(index=index, id=node.id, body=compile_body(node, where, compiling))
    if isinstance(node.join, Count):
        compiled.joins, compiled.counted = node.join.count, True
    elif node.join == "any":
        compiled.joins = 1
    compiled.on_error = (
        "goto" if isinstance(node.on_error, Goto) else "skip" if node.on_error == "skip" else "fail"
    )
    if node.type in {"map", "loop"}:
        _container(compiled, node, where, compiling)
    return compiled


def _container(compiled: GraphNode, node: Node, where: list[str | int], compiling: Compiling) -> None:
    inner, place = inner_node(node.config)
    roots = ITEM_ROOTS if node.type == "map" else ITERATION_ROOTS
    inner_where = [*where, place, "config"] if place else where
    compiled.inner = compile_body(inner, inner_where, compiling, roots)
    if node.type == "map":
        compiled.max_concurrency = node.config.get("max_concurrency", compiled.max_concurrency)
        compiled.collect_errors = node.config.get("on_item_error") == "collect"
        return
    compiled.max_iterations = node.config["max_iterations"]
    compiled.condition = compiling.operation(
        "condition", node.config["condition"], [*where, "condition"], ITERATION_ROOTS
    )


def _edges(workflow: Workflow, nodes: list[GraphNode], by_id: dict[str, int], compiling: Compiling) -> None:
    seen: set[tuple[str, str]] = set()
    conditions: dict[int, list[str | None]] = {}
    for index, edge in enumerate(workflow.edges):
        known = True
        for end, name in (("from", edge.source), ("to", edge.target)):
            if name not in by_id:
                compiling.fail(["edges", index, end], f"there is no node `{name}`", "NODE_UNKNOWN")
                known = False
        if (edge.source, edge.target) in seen:
            message = f"there is an edge from `{edge.source}` to `{edge.target}` already"
            compiling.fail(["edges", index], message, "EDGE_DUPLICATE")
            known = False
        seen.add((edge.source, edge.target))
        if not known:
            continue
        source = nodes[by_id[edge.source]]
        condition, text = _edge_condition(edge.condition)
        if condition == "if" and (source.body.type != "conditional" or source.body.work is None):
            message = "`if` needs a `conditional` node with a `condition` at the edge's beginning"
            compiling.fail(["edges", index, "condition"], message)
        if text is not None:
            compiling.operation("condition", text, ["edges", index, "condition"], EDGE_ROOTS)
        conditions.setdefault(source.index, []).append(text)
        _connect(nodes, source.index, by_id[edge.target], "normal", condition)
    for source_index, texts in conditions.items():
        if any(text is not None for text in texts) and not compiling.issues:
            nodes[source_index].routes = compiling.operation("edges", texts, ["edges"], EDGE_ROOTS)


def _edge_condition(text: str | None) -> tuple[Literal["if", "else", "cel"] | None, str | None]:
    if text is None:
        return None, None
    if text == "if":
        return "if", None
    if text == "else":
        return "else", None
    return "cel", text


def _connect(
    nodes: list[GraphNode],
    source: int,
    target: int,
    kind: EdgeKind,
    condition: Literal["if", "else", "cel"] | None = None,
) -> None:
    nodes[target].upstream.append((source, len(nodes[source].out)))
    nodes[target].in_degree += 1
    nodes[source].out.append(GraphEdge(target, kind, condition))
    if kind != "normal" or condition is not None:
        nodes[source].plain = False


def _exits(workflow: Workflow, nodes: list[GraphNode], by_id: dict[str, int], compiling: Compiling) -> None:
    """Edges that are not among `edges`: goto, break and time-out paths; and compensations."""
    for index, node in enumerate(workflow.nodes):
        targets: list[tuple[EdgeKind, str, list[str | int]]] = []
        if isinstance(node.on_error, Goto):
            targets.append(("error", node.on_error.goto, ["nodes", index, "on_error", "goto"]))
        if node.type == "loop":
            for kind, name in _LOOP_EXITS:
                ids = enumerate(node.config.get(name, []))
                targets += [(kind, target, ["nodes", index, "config", name, i]) for i, target in ids]
        for kind, target, where in targets:
            if target not in by_id:
                compiling.fail(where, f"there is no node `{target}`", "NODE_UNKNOWN")
            else:
                _connect(nodes, index, by_id[target], kind)
        if node.compensate is not None:
            if node.compensate not in by_id:
                compiling.fail(
                    ["nodes", index, "compensate"], f"there is no node `{node.compensate}`", "NODE_UNKNOWN"
                )
            else:
                nodes[index].compensate = by_id[node.compensate]
                nodes[by_id[node.compensate]].detached = True


def _check_children(compiling: Compiling, depth: int) -> None:
    inline = [(name, text) for name, text in compiling.children.items() if text is not None]
    if inline and depth >= MAX_CHILD_DEPTH:
        compiling.fail(["nodes"], f"definitions are nested deeper than {MAX_CHILD_DEPTH}")
        return
    for name, text in inline:
        digest = name.removeprefix("definition:")
        try:
            child = compile_graph(parse_workflow(text), digest, depth=depth + 1)
        except Refusal as refusal:
            where = compiling.children_at[name]
            compiling.issues += [
                Issue(where + issue.pointer, issue.message, issue.code) for issue in refusal.issues
            ]
            continue
        for grandchild, definition in child.children.items():
            compiling.children.setdefault(grandchild, definition)
