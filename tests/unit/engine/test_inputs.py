"""What a node gets when its config does not say: see `engine.flow.inputs`."""

from __future__ import annotations

from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, node


def given(workflow: Json, path: str, inputs: object = None) -> object:
    machine = Machine({"f": lambda got: got, "one": lambda _: 1})
    machine.begin(workflow, inputs)
    return machine.job_input(path)


def test_at_the_beginning_the_inputs_of_the_run() -> None:
    assert given(flow([fn("a")]), "a", {"n": 1}) == {"n": 1}
    assert given(flow([fn("a")]), "a", [1]) == [1]


def test_behind_other_nodes_their_outputs_by_id() -> None:
    workflow = flow([fn("a", "one"), fn("b", "one"), fn("c")], "b > c", "a > c")
    assert given(workflow, "c") == {"b": 1, "a": 1}


def test_only_of_those_whose_edge_was_taken() -> None:
    workflow = flow([fn("a", "one"), fn("b", "one"), fn("c")], "a > c", "b > c if false")
    assert given(workflow, "c") == {"a": 1}


def test_behind_a_failed_node_nothing_of_it() -> None:
    bad = node("a", "transform", {"expression": "inputs.missing"}, on_error={"goto": "b"})
    assert given(flow([bad, fn("b")]), "b", {}) == {}


def test_in_a_compensation_the_output_of_what_it_undoes() -> None:
    bad = node("b", "transform", {"expression": "inputs.missing"})
    workflow = flow([fn("a", "one", compensate="u"), bad, fn("u")], "a > b")
    assert given(workflow, "u", {}) == {"a": 1}


def test_config_inputs_are_what_is_given_and_nothing_else() -> None:
    workflow = flow(
        [fn("a", "one"), fn("b", inputs={"x": "${nodes.a.output}", "y": ["${inputs.n}", "n${inputs.n}"]})],
        "a > b",
    )
    assert given(workflow, "b", {"n": 2}) == {"x": 1, "y": [2, "n2"]}
    assert given(flow([fn("a", inputs={})]), "a", {"n": 2}) == {}


def test_nodes_further_up_can_be_read() -> None:
    workflow = flow(
        [fn("a", "one"), fn("b", "one"), fn("c", inputs={"a": "${nodes.a.output}"})], "a > b", "b > c"
    )
    assert given(workflow, "c") == {"a": 1}


def test_inline_values_are_handed_on_as_they_are() -> None:
    machine = Machine({"f": lambda got: got})
    machine.start(flow([fn("a"), fn("b")], "a > b"), {"big": 10**18, "z": 1, "a": 1.0})
    machine.finish("a")
    job = machine.jobs[0]
    assert job.inputs is not None
    assert bytes(job.inputs.raw) == b'{"a":{"big":1000000000000000000,"z":1,"a":1.0}}'
