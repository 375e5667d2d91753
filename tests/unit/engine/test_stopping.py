"""Cancel and failure: what is live ends, what was done is compensated."""

from __future__ import annotations

from typing import Any

import pytest

from engine.events import NodeCancelled, RunCancelled, RunCancelling, RunFailed
from engine.state import NodeStatus
from tests.support.machine import JobError, Machine
from tests.unit.engine.build import Json, flow, fn, inner, node


def bad(_: object) -> None:
    raise JobError("no", retryable=False)


def machine() -> Machine:
    return Machine({"f": lambda _: 1, "undo": lambda given: given, "bad": bad})


def chain(**last: Any) -> Json:  # noqa: ANN401
    """Three nodes in a row; the first two can be undone."""
    nodes = [
        fn("a", compensate="ua"),
        fn("b", compensate="ub"),
        fn("c", **last),
        fn("ua", "undo"),
        fn("ub", "undo"),
    ]
    return flow(nodes, "a > b", "b > c")


def test_cancel_tells_runners_and_ends_the_run() -> None:
    world = machine()
    world.start(flow([fn("a"), fn("b"), fn("c")], "a > c"))
    world.finish("a")
    world.cancel(reply_to=4)
    (word,) = world.cancels
    assert (word.paths, word.attempts, word.reason) == (["b", "c"], [1, 1], "cancelling")
    assert [event.path for event in world.of(NodeCancelled)] == ["b", "c"]
    assert world.of(RunCancelling)[0].reason == "changed my mind"
    assert world.of(RunCancelled)[0].reason == "changed my mind"
    assert (world.replies[0].ok, world.replies[0].body) == (True, b'{"status":"CANCELLING"}')


def test_results_after_a_cancel_are_ignored() -> None:
    world = machine()
    world.start(flow([fn("a")]))
    job = world.jobs.popleft()
    world.cancel()
    assert world.tell(world.do(job)).events == []


def test_compensations_run_in_reverse_order_when_the_run_is_cancelled() -> None:
    world = machine()
    world.start(chain())
    world.finish("a")
    world.finish("b")
    world.cancel()
    assert [job.path for job in world.jobs] == ["c", "ub"]
    world.finish("ub")
    world.finish("ua")
    assert world.story()[-7:] == [
        "run.cancelling",
        "node.cancelled c",
        "node.scheduled ub",
        "node.succeeded ub",
        "node.scheduled ua",
        "node.succeeded ua",
        "run.cancelled",
    ]


def test_compensations_run_when_the_run_fails() -> None:
    world = machine()
    world.begin(chain(function="bad"))
    assert world.story()[-6:] == [
        "run.failing",
        "node.scheduled ub",
        "node.succeeded ub",
        "node.scheduled ua",
        "node.succeeded ua",
        "run.failed",
    ]
    assert world.of(RunFailed)[0].error.path == "c"


def test_reverse_order_is_that_of_completion() -> None:
    world = machine()
    nodes = [fn("a", compensate="ua"), fn("b", compensate="ub"), fn("c"), fn("ua", "undo"), fn("ub", "undo")]
    world.start(flow(nodes))
    world.finish("b")
    world.finish("a")
    world.cancel()
    world.finish("ua")
    world.finish("ub")
    assert world.types()[-1] == "run.cancelled"


def test_a_compensation_gets_the_output_of_what_it_undoes() -> None:
    world = machine()
    world.start(chain())
    world.finish("a")
    world.cancel()
    assert world.job_input("ua") == {"a": 1}


def test_a_compensation_is_tried_again() -> None:
    attempts: list[int] = []

    def flaky(_: object) -> int:
        attempts.append(1)
        if len(attempts) < 3:
            raise JobError
        return 1

    world = machine()
    world.functions["undo"] = flaky
    world.start(flow([fn("a", compensate="u"), fn("b"), fn("u", "undo", retry={"max_attempts": 3})], "a > b"))
    world.finish("a")
    world.cancel()
    world.take_job("b")
    world.run()
    assert len(attempts) == 3
    assert world.types()[-1] == "run.cancelled"


def test_a_compensation_that_fails_does_not_keep_the_others_from_being_made() -> None:
    world = machine()
    world.functions["undo"] = bad
    world.begin(chain(function="bad"))
    assert world.story()[-5:] == [
        "node.scheduled ub",
        "node.failed ub",
        "node.scheduled ua",
        "node.failed ua",
        "run.failed",
    ]


def test_a_compensation_whose_input_cannot_be_worked_out_fails_alone() -> None:
    world = machine()
    nodes = [fn("a", compensate="ua"), fn("b", "bad"), fn("ua", "undo", {"x": "${inputs.missing}"})]
    world.begin(flow(nodes, "a > b"), {})
    assert world.story()[-2:] == ["node.failed ua", "run.failed"]


def test_a_run_that_ends_well_compensates_nothing() -> None:
    world = machine()
    world.begin(chain())
    assert world.types()[-1] == "run.completed"
    assert set(world.statuses()) == {"a", "b", "c"}


def test_what_finishes_while_the_run_stops_is_compensated_too() -> None:
    """With many nodes, cancelling goes on over several decisions; results come in between."""
    world = machine()
    many = [fn(f"n{index}") for index in range(400)]
    world.start(flow([*many, fn("z", compensate="uz"), fn("uz", "undo")]))
    world.settle()
    z = world.take_job("z")
    world.cancel()
    assert world.statuses().get("z") is NodeStatus.QUEUED
    world.tell(world.do(z))
    world.settle()
    world.finish("uz")
    assert world.types()[-1] == "run.cancelled"
    assert sum(len(word.paths) for word in world.cancels) == 400


def test_a_second_cancel_changes_nothing() -> None:
    world = machine()
    world.start(chain())
    world.finish("a")
    world.cancel()
    assert world.cancel(reply_to=1).events == []
    assert world.replies[-1].ok


def test_a_failing_run_cannot_be_cancelled_into_another_end() -> None:
    world = machine()
    world.start(chain(function="bad"))
    for path in ("a", "b", "c"):
        world.finish(path)
    world.cancel()
    world.run()
    assert world.types()[-1] == "run.failed"


@pytest.mark.parametrize("paused", [True, False])
def test_cancel_ends_a_pause(paused: bool) -> None:  # noqa: FBT001 (a case)
    world = machine()
    world.start(flow([fn("a"), fn("b")], "a > b"))
    if paused:
        world.pause()
    world.finish("a")
    world.cancel()
    world.settle()
    assert world.types()[-1] == "run.cancelled"
    assert list(world.stores["r0_test"]) == ["h"]


def test_nothing_more_is_skipped_in_a_run_that_stops() -> None:
    world = machine()
    world.start(flow([fn("a"), fn("b"), fn("c")], "a > b if false"))
    world.pause()
    world.finish("a")
    world.cancel()
    world.settle()
    assert "b" not in world.statuses()
    assert world.types()[-1] == "run.cancelled"


def test_an_attempt_that_is_due_does_not_begin_in_a_run_that_stops() -> None:
    world = machine()
    inner = {
        "type": "function",
        "config": {"function": "bad2"},
        "retry": {"max_attempts": 5, "backoff_ms": 1},
    }

    def flaky(_: object) -> None:
        raise JobError

    world.functions["bad2"] = flaky
    items = {"items": "inputs.xs", "node": inner, "max_concurrency": 200}
    world.start(flow([{"id": "m", "type": "map", "config": items}]), {"xs": list(range(200))})
    world.settle()
    while world.jobs:
        world.tell(world.do(world.jobs.popleft()))
    world.cancel()
    for timer in world.timers:
        world.tell(world.fired(timer))
    world.settle()
    assert not world.jobs
    assert world.types()[-1] == "run.cancelled"


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        ("map", {"items": "inputs.xs", "node": inner()}),
        ("loop", {"node": inner(), "condition": "false", "max_iterations": 2}),
    ],
)
def test_what_was_left_to_open_is_not_opened_in_a_run_that_stops(kind: str, config: Json) -> None:
    """Among many nodes, a cancel comes between the word that a map begins and the map itself."""
    for count in (60, 120, 180, 240, 300):
        world = machine()
        nodes = [fn(f"n{index}") if index % 2 else node(f"n{index}", kind, config) for index in range(count)]
        workflow = flow([node("s", "start"), *nodes], *(f"s > {each['id']}" for each in nodes))
        world.start(workflow, {"xs": [1, 2]})
        world.cancel()
        world.run()
        assert world.types()[-1] == "run.cancelled"
