"""Conditions on edges over payloads that lie in the CAS: a runner works them out."""

from __future__ import annotations

from typing import Any

from engine.events import NodeFailed, NodeRouted
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


def test_a_condition_that_fails_there_fails_the_node() -> None:
    world = machine()
    world.start(workflow())
    world.finish("a")
    world.tell(world.failed(world.jobs.popleft(), JobError(code="EXPRESSION_FAILED", retryable=False)))
    assert [event.path for event in world.of(NodeFailed)] == ["a$edges", "a"]
    assert world.types()[-1] == "run.failed"


def test_what_fails_there_is_handled_as_the_node_says() -> None:
    world = machine()
    world.start(workflow(on_error="skip"))
    world.finish("a")
    world.tell(world.failed(world.jobs.popleft(), JobError(code="EXPRESSION_FAILED", retryable=False)))
    assert world.types()[-1] == "run.completed"
    assert set(world.statuses().values()) == {NodeStatus.FAILED, NodeStatus.SKIPPED}


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
