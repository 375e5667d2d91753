from __future__ import annotations

import json
from typing import Any

import pytest

from engine.errors import Issue, Refusal
from engine.graph import Graph, compile_graph, load_graph
from engine.model import canonical, parse_workflow
from tests.unit.engine.build import Json, flow, fn, inner, node


def compiled(workflow: Json) -> Graph:
    text, digest = canonical(json.dumps(workflow).encode())
    return compile_graph(parse_workflow(text), digest)


def issues(workflow: Json) -> list[Issue]:
    with pytest.raises(Refusal) as refusal:
        compiled(workflow)
    assert refusal.value.code == "WORKFLOW_INVALID"
    return refusal.value.issues


def only(workflow: Json) -> tuple[str, str]:
    (issue,) = issues(workflow)
    assert issue.message
    return issue.pointer, issue.code


MAP = {"items": "inputs", "node": inner()}
LOOP = {"node": inner(), "condition": "true", "max_iterations": 2}
RETRY = {"max_attempts": 2}


@pytest.mark.parametrize(
    ("workflow", "pointer", "code"),
    [
        (flow([fn("a"), fn("b")], "a > b", "b > a"), "/edges/1", "GRAPH_CYCLE"),
        (flow([fn("a")], "a > a"), "/edges/0", "GRAPH_CYCLE"),
        (flow([fn("a"), fn("b", on_error={"goto": "a"})], "a > b"), "/nodes/1/on_error/goto", "GRAPH_CYCLE"),
        (
            flow([fn("a"), node("l", "loop", {**LOOP, "break_path": ["a"]})], "a > l"),
            "/nodes/1/config/break_path",
            "GRAPH_CYCLE",
        ),
        (flow([fn("a")], "a > b"), "/edges/0/to", "NODE_UNKNOWN"),
        (flow([fn("a")], "b > a"), "/edges/0/from", "NODE_UNKNOWN"),
        (flow([fn("a", on_error={"goto": "b"})]), "/nodes/0/on_error/goto", "NODE_UNKNOWN"),
        (flow([fn("a", compensate="b")]), "/nodes/0/compensate", "NODE_UNKNOWN"),
        (
            flow([node("l", "loop", {**LOOP, "timeout_path": ["x"]})]),
            "/nodes/0/config/timeout_path/0",
            "NODE_UNKNOWN",
        ),
        (flow([fn("a"), fn("a")]), "/nodes/1/id", "NODE_DUPLICATE"),
        (flow([fn("a"), fn("b")], "a > b", "a > b if true"), "/edges/1", "EDGE_DUPLICATE"),
        (flow([fn("a"), fn("b", join={"count": 2})], "a > b"), "/nodes/1/join/count", "JOIN_UNSATISFIABLE"),
        (flow([fn("a"), fn("b")], "a > b if if"), "/edges/0/condition", "INVALID"),
        (flow([node("a", "conditional"), fn("b")], "a > b if if"), "/edges/0/condition", "INVALID"),
        (flow([node("g", "aggregate", {"strategy": "group"})]), "/nodes/0/config", "INVALID"),
        (
            flow([fn("a"), node("g", "aggregate", {"strategy": "group", "by": "nodes.a.output"})], "a > g"),
            "/nodes/1/config/by",
            "INVALID",
        ),
        (
            flow(
                [
                    node(
                        "m",
                        "map",
                        {"items": "[]", "node": {"type": "aggregate", "config": {"strategy": "sum"}}},
                    )
                ]
            ),
            "/nodes/0/config/node/config",
            "INVALID",
        ),
        ({**flow([fn("a")]), "inputs": {"type": "no type"}}, "/inputs", "INVALID"),
    ],
)
def test_what_cannot_run_is_refused(workflow: Json, pointer: str, code: str) -> None:
    assert only(workflow) == (pointer, code)


@pytest.mark.parametrize(
    ("workflow", "pointer"),
    [
        (flow([fn("a", compensate="u"), fn("b"), fn("u")], "a > u"), "/nodes/2/id"),
        (flow([fn("a", compensate="u"), fn("b", compensate="u"), fn("u")]), "/nodes/1/compensate"),
        (flow([fn("a", compensate="u"), fn("u", compensate="v"), fn("v")]), "/nodes/1/compensate"),
        (flow([fn("a", compensate="a"), fn("b")]), "/nodes/0/compensate"),
        (flow([fn("a", compensate="u"), node("u", "transform", {"expression": "1"})]), "/nodes/1/type"),
    ],
)
def test_compensations_that_make_no_sense(workflow: Json, pointer: str) -> None:
    assert only(workflow) == (pointer, "COMPENSATION_INVALID")


def test_nothing_to_begin_with() -> None:
    found = issues(flow([fn("a", compensate="b"), fn("b", compensate="a")]))
    assert Issue("/nodes", "every node is a compensation: there is nothing to begin with") in found


@pytest.mark.parametrize(
    "made",
    [
        node("n", "map", MAP, retry=RETRY),
        node("n", "loop", LOOP, retry=RETRY),
        node("n", "transform", {"expression": "1"}, retry=RETRY),
        node("n", "conditional", retry=RETRY),
        node("n", "wait", {"duration_ms": 1}, retry=RETRY),
        node("n", "join", retry=RETRY),
    ],
)
def test_a_retry_where_nothing_is_tried_again(made: Json) -> None:
    assert only(flow([made])) == ("/nodes/0/retry", "RETRY_UNSUPPORTED")


def test_a_retry_of_an_inner_node() -> None:
    body = {"type": "transform", "config": {"expression": "1"}, "retry": RETRY}
    pointer = "/nodes/0/config/node/retry"
    assert only(flow([node("n", "map", {"items": "[]", "node": body})])) == (pointer, "RETRY_UNSUPPORTED")
    compiled(flow([node("n", "map", {"items": "[]", "node": {**inner(), "retry": RETRY}})]))


@pytest.mark.parametrize(
    ("workflow", "pointer"),
    [
        (flow([fn("a", inputs={"x": ["${inputs.}"]})]), "/nodes/0/config/inputs/x/0"),
        (flow([node("t", "transform", {"expression": "1 +"})]), "/nodes/0/config/expression"),
        (flow([node("c", "conditional", {"condition": "("})]), "/nodes/0/config/condition"),
        (
            flow([node("k", "filter", {"items": "inputs", "condition": "item >"})]),
            "/nodes/0/config/condition",
        ),
        (flow([node("k", "filter", {"items": "inputs[", "condition": "true"})]), "/nodes/0/config/items"),
        (flow([node("g", "aggregate", {"strategy": "sum", "by": "item."})]), "/nodes/0/config/by"),
        (flow([node("m", "map", {"items": "inputs[", "node": inner()})]), "/nodes/0/config/items"),
        (flow([node("m", "map", {"items": ["${1 +}"], "node": inner()})]), "/nodes/0/config/items/0"),
        (
            flow([node("m", "map", {"items": "[]", "node": inner(inputs={"x": "${item.}"})})]),
            "/nodes/0/config/node/config/inputs/x",
        ),
        (flow([node("l", "loop", {**LOOP, "condition": "output <"})]), "/nodes/0/config/condition"),
        (flow([node("h", "http", {"url": "http://${inputs.}"})]), "/nodes/0/config/url"),
        (flow([node("w", "wait", {"until": "${now}"})]), "/nodes/0/config/until"),
        (
            flow([node("a", "composite", {"workflow": "x", "inputs": {"v": "${1 +}"}})]),
            "/nodes/0/config/inputs/v",
        ),
        (flow([fn("a"), fn("b")], "a > b if output >"), "/edges/0/condition"),
    ],
)
def test_bad_expressions_are_found_where_they_stand(workflow: Json, pointer: str) -> None:
    ((where, code),) = {(issue.pointer, issue.code) for issue in issues(workflow)}
    assert where == pointer
    assert code.startswith("EXPRESSION_")


@pytest.mark.parametrize(
    ("workflow", "name"),
    [
        (flow([fn("a", inputs={"x": "${nodes.nobody.output}"})]), "nobody"),
        (flow([fn("a", inputs={"x": "${item}"})]), "item"),
        (flow([fn("a", inputs={"x": "${output}"})]), "output"),
        (flow([fn("a"), fn("b")], "a > b if iteration > 1"), "iteration"),
        (flow([node("m", "map", {"items": "item", "node": inner()})]), "item"),
    ],
)
def test_names_that_are_not_known_there(workflow: Json, name: str) -> None:
    (issue,) = issues(workflow)
    assert issue.code == "EXPRESSION_UNKNOWN_NAME"
    assert name in issue.message


def test_every_issue_is_told_at_once() -> None:
    workflow = flow([fn("a", inputs={"x": "${1 +}"}), fn("a")], "a > b", "c > a")
    assert [issue.pointer for issue in issues(workflow)] == [
        "/nodes/1/id",
        "/nodes/0/config/inputs/x",
        "/edges/0/to",
        "/edges/1/from",
    ]


@pytest.mark.parametrize(
    ("kind", "config", "place"),
    [
        ("composite", {}, "/nodes/0/config/definition"),
        ("map", {"items": "[]"}, "/nodes/0/config/definition"),
    ],
)
def test_what_is_wrong_in_a_nested_definition(kind: str, config: Json, place: str) -> None:
    child = flow([fn("a"), node("t", "transform", {"expression": "1 +"})], "a > zzz")
    found = issues(flow([node("n", kind, {**config, "definition": child})]))
    assert {(issue.pointer, issue.code) for issue in found} == {
        (f"{place}/edges/0/to", "NODE_UNKNOWN"),
        (f"{place}/nodes/1/config/expression", "EXPRESSION_SYNTAX"),
    }


def test_what_is_wrong_with_the_shape_of_a_nested_definition() -> None:
    child = {"name": "child", "nodes": [{"id": "a", "type": "function", "config": {}}]}
    (issue,) = issues(flow([node("n", "composite", {"definition": child})]))
    assert issue.pointer == "/nodes/0/config/definition/nodes/0/config"
    inside = node("i", "map", {"items": "[]", "node": {"type": "composite", "config": {"definition": child}}})
    (issue,) = issues(flow([inside]))
    assert issue.pointer == "/nodes/0/config/node/config/definition/nodes/0/config"


def test_definitions_cannot_be_nested_for_ever() -> None:
    workflow: Json = flow([fn("a")])
    for _ in range(17):
        workflow = flow([node("n", "composite", {"definition": workflow})])
    (issue,) = issues(workflow)
    assert "nested deeper than 16" in issue.message


def test_children_by_name_and_by_content() -> None:
    child = flow([fn("a")])
    nodes = [
        node("a", "composite", {"definition": flow([node("i", "composite", {"definition": child})])}),
        node("b", "composite", {"workflow": "other"}),
        node("c", "composite", {"workflow": "other", "version": 2}),
        node("d", "map", {"items": "[]", "workflow": "other", "tag": "stable"}),
    ]
    graph = compiled(flow(nodes))
    named = {name for name, text in graph.children.items() if text is None}
    assert named == {"other@tag:main", "other@version:2", "other@tag:stable"}
    inline = {name: text for name, text in graph.children.items() if text is not None}
    assert len(inline) == 2
    for name, text in inline.items():
        assert canonical(text) == (text, name.removeprefix("definition:"))


def shape(graph: Graph) -> Any:  # noqa: ANN401 (for comparison)
    return [
        (
            made.id,
            made.joins,
            made.in_degree,
            made.upstream,
            made.out,
            made.plain,
            made.body.type,
            made.body.queue,
        )
        for made in graph.nodes
    ]


def test_the_same_text_gives_the_same_graph() -> None:
    workflow = flow(
        [
            fn("a", queue="q1"),
            node("c", "conditional", {"condition": "true"}),
            fn("b"),
            node("m", "map", MAP),
        ],
        "a > c",
        "c > b if if",
        "c > m if else",
    )
    shuffled = {key: workflow[key] for key in reversed(list(workflow))}
    one, other = compiled(workflow), compiled(shuffled)
    assert one.hash == other.hash
    assert shape(one) == shape(other)
    assert (one.starts, one.terminals, one.queues) == (
        other.starts,
        other.terminals,
        frozenset({"q1", "default"}),
    )


def test_a_stored_definition_is_compiled_once() -> None:
    text, digest = canonical(json.dumps(flow([fn("a")])).encode())
    assert load_graph(text, digest) is load_graph(text, digest)


def test_the_ends_of_a_graph() -> None:
    nodes = [
        fn("a", on_error={"goto": "rescue"}, compensate="u"),
        fn("rescue"),
        fn("u"),
        node("l", "loop", {**LOOP, "break_path": ["done"], "timeout_path": ["tired"]}),
        fn("done"),
        fn("tired"),
    ]
    graph = compiled(flow(nodes))
    assert [graph.nodes[index].id for index in graph.starts] == ["a", "l"]
    assert [graph.nodes[index].id for index in graph.terminals] == ["a", "rescue", "done", "tired"]


def test_a_graph_of_ten_thousand_nodes() -> None:
    nodes = [fn(f"n{index}") for index in range(10_000)]
    graph = compiled(flow(nodes, *(f"n{index} > n{index + 1}" for index in range(9_999))))
    assert (len(graph.starts), len(graph.terminals)) == (1, 1)


def test_what_no_job_has_room_for_is_refused() -> None:
    workflow = flow([fn("a", inputs={"x": "y" * 262_144})])
    assert only(workflow) == ("/nodes/0/config/inputs", "CONFIG_TOO_LARGE")


def test_more_ways_out_than_one_event_can_tell_are_refused() -> None:
    config = {
        "function_name": "f",
        "condition": "false",
        "max_iterations": 2,
        "break_path": ["b"] * 6_000,
        "timeout_path": ["b"] * 6_000,
    }
    assert only(flow([node("a", "loop", config), fn("b")])) == ("/nodes/0", "TOO_MANY_EDGES")
