from __future__ import annotations

import pytest

from tests.support.machine import Machine
from tests.unit.engine.build import Json, flow, fn, node


def transform(expression: str) -> Json:
    return flow([node("t", "transform", {"expression": expression})])


@pytest.mark.parametrize("expression", ["inputs.n * 2", "${inputs.n * 2}"])
def test_it_is_an_expression_bare_or_in_braces(expression: str) -> None:
    machine = Machine()
    machine.begin(transform(expression), {"n": 4})
    assert machine.output() == 8
    assert machine.story() == ["run.started", "node.succeeded t", "run.completed"]


def test_it_reads_nodes_that_are_done_and_asks_for_those_that_are_not() -> None:
    machine = Machine({"f": lambda _: {"n": 1}})
    nodes = [
        fn("a"),
        fn("b"),
        node("t", "transform", {"expression": "has(nodes.b) ? 'ran' : string(nodes.a.output.n)"}),
    ]
    machine.begin(flow(nodes, "a > b if false", "a > t"))
    assert machine.output() == {"t": "1"}


def test_a_large_result_is_left_to_a_runner() -> None:
    machine = Machine()
    text = "x" * 9_000
    machine.start(transform("[inputs.text, inputs.text]"), {"text": text})
    (job,) = machine.jobs
    assert (job.path, job.kind, job.operation) == ("t", "evaluate", "template")
    machine.run()
    assert machine.output() == [text, text]


def test_a_reference_is_left_to_a_runner() -> None:
    machine = Machine(inline_limit=100)
    machine.begin(transform("size(inputs.text)"), {"text": "x" * 200})
    assert [job.path for job in machine.done_jobs] == ["t"]
    assert machine.output() == 200


@pytest.mark.parametrize("inline_limit", [100, 16 * 1024])
def test_a_failure_fails_the_node_once(inline_limit: int) -> None:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(transform("inputs.missing"), {"text": "x" * 200})
    assert machine.story()[-3:] == ["node.failed t", "run.failing", "run.failed"]


def test_a_condition_of_the_node_may_be_an_error_too() -> None:
    machine = Machine()
    machine.begin(flow([node("c", "conditional", {"condition": "inputs.n"})]), {"n": "no bool"})
    assert machine.types()[-1] == "run.failed"
