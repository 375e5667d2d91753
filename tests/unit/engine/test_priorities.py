from __future__ import annotations

from tests.support.machine import Machine
from tests.unit.engine.build import flow, fn, inner, node


def test_the_node_before_the_run_before_medium() -> None:
    machine = Machine()
    machine.start(flow([fn("a"), fn("b", priority="low")]), priority="high")
    assert [job.priority for job in machine.jobs] == ["high", "low"]
    machine = Machine()
    machine.start(flow([fn("a")]))
    assert machine.jobs[0].priority == "medium"


def test_queues() -> None:
    machine = Machine()
    machine.start(flow([fn("a", queue="gpu"), fn("b")]))
    assert [job.queue for job in machine.jobs] == ["gpu", "default"]


def test_inside_a_map_those_of_the_inner_node_hold() -> None:
    machine = Machine()
    body = inner() | {"queue": "gpu", "priority": "high", "timeout_ms": 7}
    machine.start(flow([node("m", "map", {"items": "[1]", "node": body})]))
    (job,) = machine.jobs
    assert (job.queue, job.priority, job.timeout_ms) == ("gpu", "high", 7)


def test_children_inherit_the_priority_of_their_parent() -> None:
    machine = Machine()
    child = {"name": "child", "nodes": [fn("c")]}
    machine.start(flow([node("a", "composite", {"definition": child})]), priority="low")
    machine.settle()
    assert machine.jobs[0].priority == "low"


def test_the_engines_own_jobs_go_to_the_default_queue() -> None:
    machine = Machine(inline_limit=10)
    workflow = flow([node("t", "transform", {"expression": "inputs"}, queue="gpu")])
    machine.start(workflow, {"text": "x" * 20}, priority="high")
    assert [(job.queue, job.priority) for job in machine.jobs] == [("default", "high")]
