from __future__ import annotations

from engine.events import RunPaused, RunResumed
from engine.state import NodeStatus
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import flow, fn, inner, node


def test_facts_are_recorded_and_nothing_is_dispatched() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a"), fn("b")], "a > b"))
    machine.pause()
    machine.finish("a")
    assert machine.story()[-3:] == ["run.paused", "node.succeeded a", "run.deferred"]
    assert not machine.jobs
    assert not machine.log
    machine.resume()
    machine.settle()
    assert [job.path for job in machine.jobs] == ["b"]
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_a_run_whose_last_node_ends_in_a_pause_ends_after_it() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a")]))
    machine.pause()
    machine.finish("a")
    assert machine.types()[-1] == "node.succeeded"
    machine.resume()
    assert machine.types()[-2:] == ["run.resumed", "run.completed"]


def test_answers() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    machine.pause(reply_to=1)
    machine.pause(reply_to=1)
    machine.resume(reply_to=1)
    machine.resume(reply_to=1)
    assert [reply.body for reply in machine.replies] == [b'{"status":"PAUSED"}'] * 2 + [
        b'{"status":"RUNNING"}'
    ] * 2
    assert len(machine.of(RunPaused)) == len(machine.of(RunResumed)) == 1


def test_what_stops_cannot_be_paused() -> None:
    machine = Machine({"f": lambda _: 1, "undo": lambda _: 1})
    machine.start(flow([fn("a", compensate="u"), fn("b"), fn("u", "undo")], "a > b"))
    machine.finish("a")
    machine.cancel()
    assert machine.pause(reply_to=1).events == []
    assert machine.replies[-1].code == "RUN_STOPPING"


def test_a_failure_ends_the_pause() -> None:
    machine = Machine()
    machine.start(flow([fn("a"), fn("b")]))
    machine.pause()
    machine.tell(machine.failed(machine.take_job("a"), JobError(retryable=False)))
    assert machine.types()[-1] == "run.failed"
    assert machine.statuses()["b"] is NodeStatus.CANCELLED


def test_an_attempt_that_is_due_waits_for_the_end_of_the_pause() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a", retry={"max_attempts": 2, "backoff_ms": 10})]))
    machine.tell(machine.failed(machine.take_job("a"), JobError()))
    machine.pause()
    timer = machine.timers[0]
    machine.fire()
    machine.settle()
    assert not machine.jobs
    assert machine.tell(machine.fired(timer)).events == []
    machine.resume()
    machine.run()
    assert machine.output() == 1


def test_a_long_pause_is_taken_up_again_in_few_decisions() -> None:
    machine = Machine({"f": lambda _: 1})
    items = {"items": "inputs.xs", "node": inner(), "max_concurrency": 100}
    machine.start(flow([node("m", "map", items)]), {"xs": list(range(150))})
    machine.settle()
    machine.pause()
    for index in range(100):
        machine.finish(f"m[{index}]")
    header = machine.state().header
    assert header.tail - header.head == 100
    before = len(machine.decisions[RUN])
    machine.resume()
    machine.settle()
    assert len(machine.jobs) == 50
    assert len(machine.decisions[RUN]) - before <= 5
    machine.run()
    assert machine.output() == [1] * 150


def test_pausing_and_resuming_at_once_loses_no_reminder() -> None:
    machine = Machine({"f": lambda _: 1})
    nodes = [fn(f"n{index}") for index in range(400)]
    machine.start(flow(nodes))
    assert machine.log
    machine.pause()
    machine.resume()
    machine.run()
    assert machine.types()[-1] == "run.completed"


def test_a_reminder_that_arrives_in_a_pause_is_sent_again() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn(f"n{index}") for index in range(400)]))
    machine.pause()
    machine.settle()
    machine.resume()
    machine.run()
    assert machine.types()[-1] == "run.completed"
