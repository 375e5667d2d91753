"""The shape of a workflow: what is taken, what is refused, and where."""

from __future__ import annotations

import json
import socket
from typing import TYPE_CHECKING

import jsonschema_rs
import pytest

from engine.errors import Issue, Refusal
from engine.ids import SIGNAL_PATTERN
from engine.model import (
    Count,
    Goto,
    Retry,
    canonical,
    check_inputs,
    check_schema,
    parse_workflow,
    workflow_schema,
)
from engine.model.parse import MAX_DEFINITION_BYTES, MAX_TEXT_BYTES
from tests.unit.engine.build import Json, flow, fn, node

if TYPE_CHECKING:
    from pathlib import Path


def refusal(workflow: object) -> Refusal:
    data = workflow if isinstance(workflow, bytes) else json.dumps(workflow).encode()
    with pytest.raises(Refusal) as caught:
        parse_workflow(data)
    return caught.value


def test_the_schema_is_one() -> None:
    schema = json.loads(workflow_schema())
    jsonschema_rs.meta.validate(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"


FULL: Json = {
    "name": "full",
    "version": "1.2",
    "description": "all there is",
    "metadata": {"any": ["thing"]},
    "inputs": {"type": "object"},
    "policy": {},
    "nodes": [
        {
            "id": "a",
            "type": "task",
            "name": "The first",
            "config": {"action": "f", "something": "of one's own"},
            "retry": {
                "max_attempts": 3,
                "backoff_ms": 5,
                "backoff_multiplier": 1.5,
                "max_backoff_ms": 50,
                "non_retryable": ["X"],
            },
            "timeout_ms": 100,
            "join": {"count": 1},
            "priority": "high",
            "queue": "gpu",
            "cache": "read_through",
            "on_error": {"goto": "b"},
            "compensate": "c",
            "metadata": {"x": 1},
        },
        {"id": "b", "type": "end"},
        {"id": "c", "type": "http", "config": {"url": "http://h"}},
    ],
    "edges": [{"from": "a", "to": "b", "condition": "output.ok"}],
}


def test_every_field() -> None:
    workflow = parse_workflow(json.dumps(FULL).encode())
    first = workflow.nodes[0]
    assert first.retry == Retry(3, 5, 1.5, 50, ["X"])
    assert (first.join, first.on_error, first.compensate) == (Count(1), Goto("b"), "c")
    assert first.config["something"] == "of one's own"
    assert (workflow.edges[0].source, workflow.edges[0].target) == ("a", "b")
    assert workflow.nodes[1].join == "all"


EXAMPLES: dict[str, Json] = {
    "function": {"function": "pkg.mod:f", "inputs": {"x": "${inputs.x}"}},
    "http": {"url": "http://h", "method": "POST", "headers": {}, "query": {}, "body": 1, "parse": "json"},
    "conditional": {"condition": "true"},
    "transform": {"expression": "1"},
    "filter": {"items": "inputs", "condition": "item"},
    "aggregate": {"strategy": "group", "by": "item"},
    "map": {"items": "inputs", "node": {"type": "http", "config": {"url": "u"}}, "max_concurrency": 3},
    "loop": {
        "function_name": "f",
        "condition": "true",
        "max_iterations": 3,
        "break_path": [],
        "timeout_path": [],
    },
    "composite": {"workflow": "w", "tag": "main", "inputs": {}},
    "wait": {"signal": "go.on"},
    "parallel": {},
    "join": {},
    "start": {},
    "end": {},
}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_an_example_of_each_type(kind: str) -> None:
    workflow = parse_workflow(json.dumps(flow([node("n", kind, EXAMPLES[kind])])).encode())
    assert workflow.nodes[0].config == EXAMPLES[kind]


def test_every_type_has_an_example() -> None:
    schema = json.loads(workflow_schema())
    assert set(schema["$defs"]["node"]["properties"]["type"]["enum"]) == {*EXAMPLES, "task"}


@pytest.mark.parametrize(
    ("workflow", "pointers"),
    [
        ({"name": "a", "nodes": []}, ["/nodes"]),
        ({"nodes": [fn("a")]}, [""]),
        ([], [""]),
        (flow([fn("a b")]), ["/nodes/0/id"]),
        (flow([fn("x" * 65)]), ["/nodes/0/id"]),
        (flow([node("a", "agentic")]), ["/nodes/0/type"]),
        (flow([fn("a", priority="urgent")]), ["/nodes/0/priority"]),
        (flow([fn("a", retry={"max_attempts": 0})]), ["/nodes/0/retry/max_attempts"]),
        (flow([node("a", "wait", {"duration_ms": -1})]), ["/nodes/0/config/duration_ms"]),
        (flow([node("a", "map", {"items": "x", "node": {"type": "map"}})]), ["/nodes/0/config/node/type"]),
    ],
)
def test_refused_with_a_pointer(workflow: object, pointers: list[str]) -> None:
    found = refusal(workflow)
    assert found.code == "WORKFLOW_INVALID"
    assert [issue.pointer for issue in found.issues] == pointers


def test_unknown_fields_are_named_and_those_of_config_and_metadata_are_kept() -> None:
    workflow = flow([fn("a", colour="red") | {"x/y": 1}, fn("b", retry={"tries": 3})], "a > b")
    workflow["nodse"] = []
    workflow["edges"][0]["weight"] = 2
    found = {(issue.pointer, issue.code) for issue in refusal(workflow).issues}
    assert found == {
        ("/nodes/0/colour", "FIELD_UNKNOWN"),
        ("/nodes/0/x~1y", "FIELD_UNKNOWN"),
        ("/nodes/1/retry/tries", "FIELD_UNKNOWN"),
        ("/nodse", "FIELD_UNKNOWN"),
        ("/edges/0/weight", "FIELD_UNKNOWN"),
    }


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({}, "one of `function`, `function_name`, `action` is required"),
        ({"function": "f", "action": "g"}, "more than one alternative fits"),
    ],
)
def test_alternatives_are_named(config: Json, message: str) -> None:
    (issue,) = refusal(flow([node("a", "function", config)])).issues
    assert issue.pointer == "/nodes/0/config"
    assert issue.message.startswith(message)


def test_messages_stay_short() -> None:
    (issue,) = refusal(flow([fn("a", priority="x" * 5_000)])).issues
    assert len(issue.message) <= 300


def test_issues_are_bounded() -> None:
    assert len(refusal(flow([fn(f"not an id {index}") for index in range(200)])).issues) == 50


@pytest.mark.parametrize("data", [b"", b"{", b"\xff\xfe", b"[" * 5_000, b'{"name": NaN}'])
def test_what_is_not_json(data: bytes) -> None:
    found = refusal(data)
    assert found.code == "JSON_INVALID"
    assert found.issues[0].pointer == ""


def test_what_is_too_large() -> None:
    assert refusal(b" " * (MAX_TEXT_BYTES + 1)).code == "WORKFLOW_TOO_LARGE"


def test_what_grows_too_large_when_its_numbers_are_written_out() -> None:
    text = json.dumps(flow([fn("a")]))[:-1] + ', "metadata": {"a": [' + ",".join(["1e20"] * 60_000) + "]}}"
    assert len(text) < MAX_DEFINITION_BYTES
    with pytest.raises(Refusal, match="canonical form") as caught:
        canonical(text.encode())
    assert caught.value.code == "WORKFLOW_TOO_LARGE"


@pytest.mark.parametrize(
    ("text", "pointer"),
    [
        ('"version": 1e30', "/version"),
        ('"version": 123456789012345678901234567890', "/version"),
        ('"nodes": [{"id": "a", "type": "start", "join": {"count": 1e30}}]', "/nodes/0/join"),
    ],
)
def test_numbers_that_nothing_can_hold(text: str, pointer: str) -> None:
    nodes = "" if "nodes" in text else ', "nodes": [{"id": "a", "type": "start"}]'
    given = f'{{{text}, "name": "x"{nodes}}}'
    found = refusal(given.encode())
    assert (found.code, found.issues[0].pointer) == ("WORKFLOW_INVALID", pointer)


def test_the_version_of_a_child_is_a_whole_number_that_can_be_counted_to() -> None:
    child = node("c", "composite", {"workflow": "w", "version": 1e30})
    assert refusal(json.dumps(flow([child])).encode()).issues[0].pointer == "/nodes/0/config/version"


def test_a_definition_without_a_canonical_form_says_where() -> None:
    with pytest.raises(Refusal) as caught:
        canonical(b'{"a": [1, {"b/c": 123456789012345678901234567890}]}')
    assert caught.value.issues[0].pointer == "/a/1/b~1c"


@pytest.mark.parametrize("depth", [199, 201, 900, 100_000])
def test_depth_is_refused_whoever_asks(depth: int) -> None:
    text = b'{"name": "x", "nodes": [{"id": "a", "type": "start"}], "metadata": {"a": %s}}'
    with pytest.raises(Refusal) as caught:
        canonical(text % (b"[" * depth + b"]" * depth))
    assert caught.value.code == "JSON_INVALID"


def test_names_of_signals_have_one_pattern() -> None:
    config = json.loads(workflow_schema())["$defs"]["config_wait"]["properties"]
    assert config["signal"]["pattern"] == SIGNAL_PATTERN


@pytest.mark.parametrize(
    ("schema", "where"),
    [
        ({"$ref": "http://127.0.0.1:1/x"}, "/$ref"),
        ({"$dynamicRef": "http://127.0.0.1:1/x"}, "/$dynamicRef"),
        ({"properties": {"a/b": {"$ref": "file:///etc/hostname"}}}, "/properties/a~1b/$ref"),
        ({"$id": "http://127.0.0.1:1/x", "allOf": [{"$ref": "y"}]}, "/allOf/0/$ref"),
        ({"$ref": "other.json"}, "/$ref"),
    ],
)
def test_a_schema_of_inputs_that_leads_outside(schema: Json, where: str) -> None:
    assert [(issue.pointer, issue.code) for issue in check_schema(schema)] == [(where, "REFERENCE_OUTSIDE")]


def test_nothing_is_fetched_for_a_schema(tmp_path: Path) -> None:
    target = tmp_path / "secret.json"
    target.write_text("{}")
    assert check_schema({"$ref": target.as_uri()})
    server = socket.create_server(("127.0.0.1", 0))
    server.settimeout(0)
    assert check_schema({"$ref": f"http://127.0.0.1:{server.getsockname()[1]}/x"})
    with server, pytest.raises(BlockingIOError):
        server.accept()


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}},
        {"$id": "http://a/x", "$ref": "y", "$defs": {"q": {"$id": "y", "type": "string"}}},
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "$ref": "#"},
        {"$ref": "https://json-schema.org/draft/2020-12/schema"},
    ],
)
def test_a_schema_of_inputs_that_refers_to_itself(schema: Json) -> None:
    assert check_schema(schema) == []


def test_another_dialect_is_refused() -> None:
    schema = {"$schema": "http://json-schema.org/draft-07/schema#"}
    assert [(issue.pointer, issue.code) for issue in check_schema(schema)] == [("/$schema", "SCHEMA_DIALECT")]


def test_canonical_json_names_the_content() -> None:
    assert canonical(b'{"b": 1.0, "a": [1]}') == canonical(b'{"a":[1],"b":1}')
    with pytest.raises(Refusal, match="no canonical form"):
        canonical(b'{"a": 123456789012345678901234567890}')


def test_inputs_are_checked_by_the_workflows_schema() -> None:
    schema: Json = {"type": "object", "properties": {"a/b": {"type": "array", "items": {"type": "integer"}}}}
    assert check_inputs(schema, {"a/b": [1]}) == []
    assert check_inputs(schema, {"a/b": [1, "x"]}) == [Issue("/a~1b/1", '"x" is not of type "integer"')]
    assert check_inputs(None, "anything") == []
    assert check_inputs(schema=True, value=1) == []
    assert len(check_inputs(schema=False, value=1)) == 1


def test_a_schema_of_inputs_is_checked_itself() -> None:
    assert check_schema({"type": "object"}) == []
    assert check_schema({"type": 7})[0].message.startswith("the inputs' JSON Schema is invalid")
    assert check_schema({"$ref": "#/$defs/missing"})
