from __future__ import annotations

import pytest

from engine.events import NodeFailed, NodeStarted
from engine.state import NodeStatus
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import Json, flow, fn, inner, node

DONE, SKIPPED = NodeStatus.SUCCEEDED, NodeStatus.SKIPPED


def loop(condition: str = "output < 3", body: Json | None = None, **config: object) -> Json:
    body = body or inner(inputs={"i": "${iteration}"})
    given = {"node": body, "condition": condition, "max_iterations": 5} | config
    return node("l", "loop", given)


def plus_one(given: Json) -> int:
    return int(given["i"]) + 1


def test_it_goes_on_while_the_condition_holds() -> None:
    machine = Machine({"f": plus_one})
    machine.begin(flow([loop()]))
    assert [job.path for job in machine.done_jobs] == ["l#0", "l#1", "l#2"]
    assert machine.output() == 3
    assert machine.of(NodeStarted)[0].total == 5


def test_an_iteration_gets_its_number_and_the_output_before_when_nothing_is_said() -> None:
    machine = Machine({"f": lambda given: given})
    machine.begin(flow([loop("iteration < 1", inner())]))
    assert machine.output() == {"iteration": 1, "output": {"iteration": 0, "output": None}}


@pytest.mark.parametrize("inline_limit", [30, 16 * 1024])
def test_what_it_needs_may_lie_in_the_cas(inline_limit: int) -> None:
    machine = Machine({"f": lambda given: {"n": given["n"] + 1, "pad": "x" * 50}}, inline_limit=inline_limit)
    body = inner(inputs={"n": "${iteration == 0 ? 0 : output.n}"})
    machine.begin(flow([loop("output.n < 4", body)]))
    assert machine.output()["n"] == 4
    questions = [job.path for job in machine.done_jobs if job.path == "l$condition"]
    assert len(questions) == (4 if inline_limit == 30 else 0)


def test_each_question_over_a_reference_is_a_job_of_its_own() -> None:
    machine = Machine({"f": lambda _: "x" * 99}, inline_limit=30)
    machine.start(flow([loop("size(output) > 1", inner(), max_iterations=3)]))
    machine.finish("l#0")
    first = machine.do(machine.take_job("l$condition"))
    machine.tell(first)
    machine.finish("l#1")
    assert machine.tell(first).events == []
    assert [job.id for job in machine.jobs] == [f"{RUN}/l$condition/2"]


def test_only_two_iterations_are_kept() -> None:
    machine = Machine({"f": plus_one})
    machine.start(flow([loop("true", max_iterations=100)]))
    for iteration in range(50):
        machine.finish(f"l#{iteration}")
    assert sorted(key for key in machine.stores[RUN] if "#" in key) == ["n/l#49", "n/l#50"]


def test_too_many_iterations_fail_it() -> None:
    machine = Machine({"f": plus_one})
    machine.begin(flow([loop("true", max_iterations=3)]))
    (failed,) = machine.of(NodeFailed)
    assert (failed.path, failed.error.code) == ("l", "LOOP_EXHAUSTED")
    assert failed.error.message == "`l` still wants to go on after 3 iterations"


@pytest.mark.parametrize(("most", "way"), [(5, "done"), (2, "tired")])
def test_break_path_and_timeout_path(most: int, way: str) -> None:
    workflow = flow(
        [
            loop(max_iterations=most, break_path=["done"], timeout_path=["tired"]),
            fn("done", "g"),
            fn("tired", "g"),
        ]
    )
    machine = Machine({"f": plus_one, "g": lambda given: given})
    machine.begin(workflow)
    assert machine.output() == {way: {"l": 3 if way == "done" else 2}}
    assert machine.statuses()[way] is DONE
    assert list(machine.statuses().values()).count(SKIPPED) == 1


def test_edges_are_for_the_end_by_the_condition() -> None:
    workflow = flow([loop(max_iterations=2, timeout_path=["b"]), fn("a", "g"), fn("b", "g")], "l > a")
    machine = Machine({"f": plus_one, "g": lambda _: 1})
    machine.begin(workflow)
    assert machine.statuses()["a"] is SKIPPED
    assert machine.statuses()["b"] is DONE


def test_too_long_leaves_by_the_timeout_path_with_the_last_output() -> None:
    machine = Machine({"f": plus_one, "g": lambda given: given})
    workflow = flow([loop("true", timeout_path=["b"]) | {"timeout_ms": 50}, fn("b", "g")])
    machine.start(workflow)
    machine.finish("l#0")
    machine.fire()
    machine.settle()
    assert machine.statuses()["l#1"] is NodeStatus.CANCELLED
    assert machine.cancels[0].paths == ["l#1"]
    machine.run()
    assert machine.output() == {"b": {"l": 1}}


def test_too_long_fails_it_when_there_is_no_such_path() -> None:
    machine = Machine()
    machine.start(flow([loop("true") | {"timeout_ms": 50}]))
    machine.fire()
    machine.settle()
    assert machine.of(NodeFailed)[0].error.code == "TIMEOUT"
    assert machine.types()[-1] == "run.failed"


def test_a_question_under_way_ends_with_the_loop() -> None:
    machine = Machine({"f": lambda _: "x" * 99, "g": lambda _: 1}, inline_limit=30)
    workflow = flow([loop("size(output) > 1", timeout_path=["b"]) | {"timeout_ms": 50}, fn("b", "g")])
    machine.start(workflow)
    machine.finish("l#0")
    question = machine.take_job("l$condition")
    machine.fire()
    machine.settle()
    assert machine.statuses()["l$condition"] is NodeStatus.CANCELLED
    assert machine.tell(machine.do(question)).events == []
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_an_answer_in_a_pause_does_not_outlive_the_loop() -> None:
    machine = Machine({"f": lambda _: "x" * 99, "g": lambda _: 1}, inline_limit=30)
    workflow = flow([loop("size(output) > 1", timeout_path=["b"]) | {"timeout_ms": 50}, fn("b", "g")])
    machine.start(workflow)
    machine.finish("l#0")
    machine.pause()
    machine.finish("l$condition")
    machine.fire()
    machine.settle()
    machine.resume()
    machine.run()
    assert "l#1" not in machine.statuses()
    assert machine.output() == {"b": 1}


def test_an_iteration_that_fails_fails_it() -> None:
    def fail(_: object) -> None:
        raise JobError("no", retryable=False)

    machine = Machine({"f": fail})
    machine.begin(flow([loop()]))
    assert [(event.path, event.error.path) for event in machine.of(NodeFailed)] == [
        ("l#0", None),
        ("l", "l#0"),
    ]


def test_a_condition_that_fails_fails_it() -> None:
    machine = Machine({"f": plus_one})
    machine.begin(flow([loop("output.missing")]))
    (failed,) = machine.of(NodeFailed)
    assert (failed.path, failed.error.code) == ("l", "EXPRESSION_FAILED")


def test_function_name_and_composites_inside() -> None:
    child = {"name": "child", "nodes": [fn("c", inputs={"i": "${inputs.i}"})]}
    first = node(
        "a", "loop", {"function_name": "f", "inputs": {"i": 7}, "condition": "false", "max_iterations": 1}
    )
    config = {
        "definition": child,
        "inputs": {"i": "${iteration}"},
        "condition": "output < 3",
        "max_iterations": 9,
    }
    machine = Machine({"f": plus_one})
    machine.begin(flow([first, node("b", "loop", config)], "a > b"))
    assert machine.output() == 3
    assert len(machine.stores) == 4


def test_a_paused_run_begins_no_iteration() -> None:
    machine = Machine({"f": plus_one})
    machine.start(flow([loop()]))
    machine.pause()
    machine.finish("l#0")
    assert not machine.jobs
    machine.resume()
    machine.run()
    assert machine.output() == 3
