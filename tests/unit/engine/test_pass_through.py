from __future__ import annotations

import pytest

from tests.support.machine import Machine
from tests.unit.engine.build import flow, fn, node


def test_start_and_end_hand_on_what_they_get() -> None:
    machine = Machine({"f": lambda given: given["s"]["n"] + 1})
    machine.begin(flow([node("s", "start"), fn("a"), node("e", "end")], "s > a", "a > e"), {"n": 1})
    assert machine.output() == {"a": 2}
    assert machine.story()[1:3] == ["node.succeeded s", "node.scheduled a"]


@pytest.mark.parametrize("kind", ["start", "end", "parallel", "join", "conditional"])
def test_inputs_give_them_another_output(kind: str) -> None:
    machine = Machine()
    machine.begin(flow([node("s", kind, {"inputs": {"twice": "${inputs.n * 2}"}})]), {"n": 4})
    assert machine.output() == {"twice": 8}


def test_a_large_input_is_handed_on_by_a_runner() -> None:
    machine = Machine({"f": lambda _: "x" * 200}, inline_limit=100)
    machine.start(flow([fn("a"), node("j", "join")], "a > j"))
    machine.finish("a")
    (job,) = machine.jobs
    assert (job.path, job.kind, job.template) == ("j", "evaluate", None)
    assert [entry.name for entry in job.scope] == ["nodes.a"]
    machine.run()
    assert machine.output() == {"a": "x" * 200}


def test_large_inputs_of_the_run_are_handed_on_by_reference() -> None:
    machine = Machine(inline_limit=100)
    machine.begin(flow([node("s", "start")]), {"text": "x" * 200})
    assert not machine.done_jobs
    assert machine.output() == {"text": "x" * 200}


def test_several_ends_make_an_object() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow([node("s", "start"), fn("a"), fn("b")], "s > a", "s > b"))
    assert machine.output() == {"a": 1, "b": 1}


def test_several_large_ends_are_put_together_by_a_runner() -> None:
    machine = Machine({"f": lambda _: "x" * 200}, inline_limit=100)
    machine.begin(flow([fn("a"), fn("b")]))
    assert machine.done_jobs[-1].path == "$output"
    assert machine.output() == {"a": "x" * 200, "b": "x" * 200}
    assert list(machine.stores["r0_test"]) == ["h"]


def test_a_run_whose_only_end_is_skipped_gives_null() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow([fn("a"), fn("b")], "a > b if false"))
    assert machine.output() is None
