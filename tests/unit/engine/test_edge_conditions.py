"""Conditions on edges over payloads that lie in the CAS: a runner works them out."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeFailed, NodeRouted, RunFailed
from engine.payload import Payload, Ref
from engine.state import NodeStatus
from tests.support.machine import JobError, Machine
from tests.unit.engine.build import Json, flow, fn, inner, node


def workflow(**fields: Any) -> Json:  # noqa: ANN401
    return flow(
        [fn("a", **fields), fn("b", "g"), fn("c", "g"), fn("d", "g")],
        "a > b if size(output) > 10",
        "a > c if size(output) < 10",
        "a > d if else",
    )


def machine() -> Machine:
    return Machine({"f": lambda _: "x" * 200, "g": lambda _: 1}, inline_limit=100)


def test_a_runner_decides_over_a_reference() -> None:
    world = machine()
    world.start(workflow())
    world.finish("a")
    (job,) = world.jobs
    assert (job.path, job.kind, job.operation) == ("a$edges", "evaluate", "edges")
    assert job.template == b'["size(output) > 10","size(output) < 10",null]'
    assert world.statuses()["a"] is NodeStatus.SUCCEEDED
    world.run()
    assert world.of(NodeRouted)[0].edges == [True, False, False]
    assert world.output() == {"b": 1}


def test_a_condition_that_fails_there_fails_the_run_and_not_the_node() -> None:
    world = machine()
    world.start(workflow())
    world.finish("a")
    world.tell(world.failed(world.jobs.popleft(), JobError(code="EXPRESSION_FAILED", retryable=False)))
    assert [event.path for event in world.of(NodeFailed)] == ["a$edges"]
    assert world.statuses()["a"] is NodeStatus.SUCCEEDED
    (failed,) = world.of(RunFailed)
    assert (failed.error.code, failed.error.path) == ("EXPRESSION_FAILED", "a")


@pytest.mark.parametrize("inline_limit", [100, 16 * 1024])
def test_the_work_before_a_condition_that_fails_is_undone(inline_limit: int) -> None:
    world = Machine({"f": lambda _: {"x": "x" * 200}, "undo": lambda _: 1}, inline_limit=inline_limit)
    nodes = [fn("a", compensate="u", retry={"max_attempts": 3}), fn("b"), fn("u", "undo")]
    world.begin(flow(nodes, "a > b if output.missing > 1"))
    assert [job.path for job in world.done_jobs if "$" not in job.path] == ["a", "u"]
    assert world.statuses()["a"] is NodeStatus.SUCCEEDED
    assert world.statuses()["a$edges"] is NodeStatus.FAILED
    assert world.of(RunFailed)[0].error.path == "a"


@pytest.mark.parametrize("inline_limit", [100, 16 * 1024])
@pytest.mark.parametrize("on_error", ["skip", {"goto": "z"}])
def test_where_the_run_goes_on_then_is_what_the_node_says(on_error: object, inline_limit: int) -> None:
    world = Machine({"f": lambda _: {"x": "x" * 200}, "z": len}, inline_limit=inline_limit)
    nodes = [fn("a", on_error=on_error), fn("b"), fn("z", "z")]
    world.begin(flow(nodes, "a > b if output.missing > 1", "b > z"))
    assert world.types()[-1] == "run.completed"
    after = [world.statuses()[name] for name in ("a", "b", "z")]
    last = NodeStatus.SKIPPED if on_error == "skip" else NodeStatus.SUCCEEDED
    assert after == [NodeStatus.SUCCEEDED, NodeStatus.SKIPPED, last]


def test_values_that_come_back_as_a_reference_fail_the_run() -> None:
    world = machine()
    world.start(workflow())
    world.finish("a")
    world.tell(world.succeeded(world.jobs.popleft(), Payload(ref=Ref("0" * 64, 20_000))))
    world.settle()
    assert world.of(RunFailed)[0].error.code == "EXPRESSION_FAILED"


def test_while_paused_the_question_is_not_asked() -> None:
    world = machine()
    world.start(workflow())
    world.pause()
    world.finish("a")
    assert not world.jobs
    world.resume()
    world.settle()
    assert [job.path for job in world.jobs] == ["a$edges"]
    world.pause()
    world.finish("a$edges")
    assert not world.jobs
    world.resume()
    world.run()
    assert world.output() == {"b": 1}


def test_a_cancelled_run_does_not_wait_for_the_answer() -> None:
    world = machine()
    world.start(workflow())
    world.finish("a")
    world.cancel()
    assert world.types()[-1] == "run.cancelled"
    assert world.cancels[0].paths == ["a$edges"]


def test_behind_a_loop_its_break_path_is_taken() -> None:
    loop = node(
        "l",
        "loop",
        {
            "node": inner(),
            "condition": "false",
            "max_iterations": 2,
            "break_path": ["b"],
            "timeout_path": ["c"],
        },
    )
    world = machine()
    world.begin(flow([loop, fn("b", "g"), fn("c", "g"), fn("d", "g")], "l > d if size(output) > 10"))
    assert world.output() == {"b": 1, "d": 1}
