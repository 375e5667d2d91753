"""A run that stops waits for its child runs: their end, compensations included, comes before its own."""

from __future__ import annotations

import pytest

from engine.events import NodeCancelled, NodeFailed, NodeStarted
from engine.facts import CancelRequested, ChildEnded, RunAdmitted
from engine.state import NodeStatus
from engine.state.status import RUNNING
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import Json, flow, fn, node

CHILD = {
    "name": "child",
    "nodes": [fn("b", compensate="undo_b"), fn("undo_b"), node("w", "wait", {"signal": "never"})],
    "edges": [{"from": "b", "to": "w"}],
}


def bad(_: object) -> None:
    raise JobError("no", retryable=False)


def machine() -> Machine:
    return Machine({"f": lambda _: 1, "bad": bad})


def composite(**fields: object) -> Json:
    return node("c", "composite", {"definition": CHILD}, **fields)


def under_way(*more: Json, **fields: object) -> Machine:
    """A run that did `a`; its child did `b` and waits."""
    world = machine()
    nodes = [fn("a", compensate="undo_a"), fn("undo_a"), composite(**fields), *more]
    world.start(flow(nodes, "a > c"))
    world.finish("a")
    world.finish("b")
    return world


def children(world: Machine) -> list[str]:
    return [run_id for run_id in world.stores if run_id != RUN]


@pytest.mark.parametrize("way", ["cancel", "fail"])
def test_compensations_of_the_child_come_before_those_of_its_parent(way: str) -> None:
    world = under_way(fn("z", "bad"))
    world.done_jobs.clear()
    if way == "cancel":
        world.take_job("z")
        world.cancel()
    else:
        world.finish("z")
    world.settle()
    (child,) = children(world)
    assert world.state().header.status == RUNNING
    assert world.statuses()["c"] is NodeStatus.RUNNING
    world.run()
    assert [job.path for job in world.done_jobs if job.path != "z"] == ["undo_b", "undo_a"]
    assert world.statuses()["c"] is NodeStatus.CANCELLED
    assert world.types(child)[-1] == "run.cancelled"
    assert world.types()[-1] == ("run.cancelled" if way == "cancel" else "run.failed")


def test_a_child_that_was_done_by_then_is_compensated_as_what_it_is() -> None:
    child = {"name": "child", "nodes": [fn("b")]}
    world = machine()
    nodes = [node("c", "composite", {"definition": child}, compensate="undo"), fn("undo"), fn("z")]
    world.start(flow(nodes, "c > z"))
    world.settle()
    world.tell(world.do(world.take_job("b")))
    world.cancel()
    world.run()
    assert world.statuses() == {"c": NodeStatus.SUCCEEDED, "undo": NodeStatus.SUCCEEDED}
    assert world.types()[-1] == "run.cancelled"


def test_a_child_that_fails_meanwhile_is_not_tried_again() -> None:
    world = under_way(retry={"max_attempts": 3, "backoff_ms": 1})
    (child,) = children(world)
    world.cancel()
    world.log.clear()
    outcome = world.tell(
        ChildEnded(workspace="w", run_id=RUN, path="c", attempt=1, child_run_id=child, status="FAILED")
    )
    assert isinstance(outcome.events[0], NodeFailed)
    world.run()
    assert world.types()[-1] == "run.cancelled"


def test_a_child_that_never_began_is_answered_for() -> None:
    world = machine()
    world.start(flow([composite()]))
    assert isinstance(world.log.pop(), RunAdmitted)
    world.cancel()
    (request,) = world.log
    world.settle()
    assert world.types()[-1] == "run.cancelled"
    assert isinstance(request, CancelRequested)
    assert world.tell(request).events == []


def test_a_stranger_who_cancels_what_is_not_there_is_told_so_alone() -> None:
    world = machine()
    outcome = world.cancel("r0_nothing", reply_to=1)
    assert [type(effect).__name__ for effect in outcome.effects] == ["Reply"]


def test_a_cancel_told_twice_changes_nothing() -> None:
    world = under_way()
    world.cancel()
    (request,) = world.log
    world.tell(request)
    assert world.tell(request).events == []
    world.run()
    assert world.tell(_ended(world)).events == []


def _ended(world: Machine) -> ChildEnded:
    (child,) = children(world)
    return ChildEnded(workspace="w", run_id=RUN, path="c", attempt=1, child_run_id=child, status="CANCELLED")


@pytest.mark.parametrize("kind", ["map", "loop"])
def test_children_inside_are_waited_for_when_the_run_goes_on_without_them(kind: str) -> None:
    body = {"type": "composite", "config": {"definition": CHILD}}
    more: Json = {"items": "[1, 2]"} if kind == "map" else {"condition": "true", "max_iterations": 2}
    world = machine()
    inside = node("m", kind, {"node": body, **more}, timeout_ms=50, on_error="skip")
    world.start(flow([inside, fn("z")]))
    world.settle()
    world.finish("z")
    while world.jobs:
        world.tell(world.do(world.jobs.popleft()))
    world.fire()
    world.settle()
    assert world.statuses()["m"] is NodeStatus.SKIPPED
    assert world.state().header.status == RUNNING
    world.run(timers=False)
    ends = [world.types(child)[-1] for child in children(world)]
    assert set(ends) == {"run.cancelled"}
    assert world.types()[-1] == "run.completed"
    assert len(world.of(NodeCancelled)) == len(ends)


def test_a_child_whose_time_is_over_is_waited_for_by_the_run_but_not_by_its_node() -> None:
    world = under_way(timeout_ms=50, on_error="skip")
    world.fire()
    world.settle()
    assert world.statuses()["c"] is NodeStatus.SKIPPED
    assert world.statuses()["c$child.1"] is NodeStatus.RUNNING
    assert world.state().header.status == RUNNING
    world.finish("undo_b")
    assert world.story()[-2:] == ["node.cancelled c$child.1", "run.completed"]
    assert world.tell(_ended(world)).events == []


def test_the_attempt_after_a_time_out_is_waited_for_beside_the_one_before() -> None:
    world = under_way(timeout_ms=50, retry={"max_attempts": 2, "backoff_ms": 1})
    world.fire()
    world.settle()
    world.fire()
    world.settle()
    assert [event.attempt for event in world.of(NodeStarted) if event.path == "c"] == [1, 2]
    world.cancel()
    world.settle()
    world.finish("undo_b")
    assert world.state().header.status == RUNNING
    world.run()
    assert world.types()[-1] == "run.cancelled"


def test_a_time_out_of_a_child_that_is_told_to_stop_changes_nothing() -> None:
    world = under_way(timeout_ms=50)
    world.cancel()
    assert world.tell(world.fired(world.timers[0])).events == []
    world.run()
    assert world.types()[-1] == "run.cancelled"
