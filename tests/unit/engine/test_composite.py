from __future__ import annotations

import pytest

from engine.effects import ArmTimer
from engine.events import NodeFailed, NodeStarted
from engine.facts import CancelRequested, RunAdmitted
from engine.state import NodeStatus
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import Json, flow, fn, node

CHILD = {"name": "child", "nodes": [fn("c", inputs={"x": "${inputs.v}"})]}


def composite(**fields: object) -> Json:
    return node("a", "composite", {"definition": CHILD, "inputs": {"v": "${inputs.n}"}}, **fields)


def child_of(machine: Machine) -> str:
    run_id = machine.of(NodeStarted)[-1].child_run_id
    assert run_id is not None
    return run_id


def started(**fields: object) -> Machine:
    machine = Machine({"f": lambda given: given["x"] + 1})
    machine.start(flow([composite(**fields)]), {"n": 1})
    machine.settle()
    return machine


def test_a_child_run_has_a_log_of_its_own_and_gives_its_output() -> None:
    machine = started()
    machine.run()
    assert machine.output() == 2
    assert machine.story() == ["run.started", "node.started a", "node.succeeded a", "run.completed"]
    assert machine.types(child_of(machine)) == [
        "run.started",
        "node.scheduled",
        "node.succeeded",
        "run.completed",
    ]


def test_a_named_workflow_is_what_admission_made_of_its_name() -> None:
    workflow = flow(
        [
            node("a", "composite", {"workflow": "child"}),
            node("b", "composite", {"workflow": "child", "tag": "old"}),
            node("c", "composite", {"workflow": "child", "version": 3}),
        ]
    )
    machine = Machine({"f": lambda _: 1, "g": lambda _: 2})
    names = ["child@tag:main", "child@tag:old", "child@version:3"]
    children = {name: {"name": "child", "nodes": [fn("c", "g" if "old" in name else "f")]} for name in names}
    machine.begin(workflow, children=children)
    assert machine.output() == {"a": 1, "b": 2, "c": 1}


def test_a_name_that_was_not_resolved_fails_the_node() -> None:
    machine = Machine()
    machine.begin(flow([node("a", "composite", {"workflow": "child"})]))
    assert machine.of(NodeFailed)[0].error.code == "CHILD_UNKNOWN"


def test_definitions_may_be_nested() -> None:
    middle = {"name": "middle", "nodes": [node("m", "composite", {"definition": CHILD})]}
    machine = Machine({"f": lambda given: given["x"]})
    machine.begin(flow([node("a", "composite", {"definition": middle})]), {"v": 9})
    assert machine.output() == 9
    assert len(machine.stores) == 3


def test_a_workflow_that_calls_itself_ends() -> None:
    itself = {"name": "self", "nodes": [node("a", "composite", {"workflow": "self"})]}
    machine = Machine()
    machine.begin(itself, children={"self@tag:main": itself})
    assert len(machine.stores) == 17
    failed = machine.of(NodeFailed)[0]
    assert failed.error.code == "CHILD_TOO_DEEP"
    assert machine.types()[-1] == "run.failed"


def test_its_failure_is_that_of_the_node() -> None:
    machine = started()
    machine.tell(machine.failed(machine.jobs.popleft(), JobError("no", code="BROKEN", retryable=False)))
    machine.settle()
    (failed,) = machine.of(NodeFailed)
    assert (failed.path, failed.error.code) == ("a", "BROKEN")
    assert "ended as FAILED: no" in failed.error.message


def test_each_attempt_is_another_child_run() -> None:
    machine = started(retry={"max_attempts": 2, "backoff_ms": 10})
    first = child_of(machine)
    machine.tell(machine.failed(machine.jobs.popleft(), JobError(retryable=False)))
    machine.settle()
    machine.run()
    assert child_of(machine) != first
    assert machine.output() == 2


def test_cancelling_the_parent_cancels_the_child() -> None:
    machine = started()
    machine.cancel()
    machine.settle()
    assert machine.types()[-1] == "run.cancelled"
    assert machine.types(child_of(machine))[-1] == "run.cancelled"


def test_a_child_that_somebody_cancels_fails_the_node() -> None:
    machine = started()
    machine.cancel(child_of(machine))
    machine.settle()
    (failed,) = machine.of(NodeFailed)
    assert failed.error.code == "CHILD_CANCELLED"
    assert machine.types()[-1] == "run.failed"


def test_too_long_cancels_the_child_and_tries_again() -> None:
    machine = started(timeout_ms=50, retry={"max_attempts": 2, "backoff_ms": 10})
    first = child_of(machine)
    machine.fire()
    machine.settle()
    assert machine.types(first)[-1] == "run.cancelled"
    assert machine.statuses()["a"] is NodeStatus.RETRYING
    assert machine.story().count("node.retrying a") == 1
    machine.run()
    assert machine.output() == 2


def test_too_long_fails_the_node_in_the_end() -> None:
    machine = started(timeout_ms=50)
    machine.fire()
    machine.settle()
    assert machine.of(NodeFailed)[0].error.code == "TIMEOUT"


def test_inputs_by_reference_are_worked_out_by_a_runner() -> None:
    machine = Machine({"f": lambda given: len(given["x"])}, inline_limit=60)
    machine.start(flow([composite()]), {"n": "x" * 100})
    assert [job.path for job in machine.jobs] == ["a$inputs"]
    machine.run()
    assert machine.output() == 100


def test_the_next_attempt_works_its_inputs_out_again() -> None:
    machine = Machine({"f": lambda given: len(given["x"])}, inline_limit=60)
    workflow = flow([composite(retry={"max_attempts": 2, "backoff_ms": 10})])
    machine.start(workflow, {"n": "x" * 100})
    machine.finish("a$inputs")
    machine.tell(machine.failed(machine.take_job("c"), JobError()))
    machine.settle()
    machine.fire()
    machine.settle()
    assert [job.id for job in machine.jobs] == [f"{RUN}/a$inputs/2"]
    machine.run()
    assert machine.output() == 100


def test_a_cancelled_run_does_not_wait_for_the_inputs_of_the_next_attempt() -> None:
    machine = Machine(inline_limit=60)
    workflow = flow([composite(retry={"max_attempts": 2, "backoff_ms": 10})])
    machine.start(workflow, {"n": "x" * 100})
    machine.finish("a$inputs")
    machine.tell(machine.failed(machine.take_job("c"), JobError()))
    machine.settle()
    machine.fire()
    machine.settle()
    machine.cancel()
    assert machine.types()[-1] == "run.cancelled"
    assert machine.cancels[-1].paths == ["a$inputs"]


def test_a_paused_run_starts_no_child() -> None:
    machine = Machine({"f": lambda given: len(given["x"])}, inline_limit=60)
    machine.start(flow([composite()]), {"n": "x" * 100})
    machine.pause()
    machine.finish("a$inputs")
    assert len(machine.stores) == 1
    machine.resume()
    machine.run()
    assert machine.output() == 100


@pytest.mark.parametrize("inline_limit", [60, 16 * 1024])
def test_bad_inputs_fail_the_node(inline_limit: int) -> None:
    machine = Machine(inline_limit=inline_limit)
    machine.begin(flow([composite()]), {"other": "x" * 100})
    assert machine.statuses()["a"] is NodeStatus.FAILED
    assert machine.types()[-1] == "run.failed"


def test_effects_name_parent_and_child() -> None:
    machine = Machine()
    outcome = machine.tell(machine.admitted(flow([composite(timeout_ms=9)]), {"n": 1}))
    start, timer = outcome.effects
    assert isinstance(start, RunAdmitted)
    assert isinstance(timer, ArmTimer)
    assert start.parent is not None
    assert (start.parent.run_id, start.parent.path, start.parent.attempt) == (RUN, "a", 1)
    assert (timer.path, timer.purpose, timer.due_at) == ("a", "timeout", 1_009)
    cancelled = machine.cancel().effects
    assert [type(effect) for effect in cancelled] == [CancelRequested]
