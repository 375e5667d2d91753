from __future__ import annotations

import copy

import pytest

from engine.facts import ChildEnded, JobSucceeded, TimerFired, WorkContinued
from engine.payload import NULL
from tests.support.machine import RUN, JobError, Machine
from tests.unit.engine.build import flow, fn


def test_a_result_counts_once() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a"), fn("b")]))
    fact = machine.do(machine.take_job("a"))
    assert machine.tell(fact).events
    before = copy.copy(machine.stores[RUN])
    machine.now += 1_000
    outcome = machine.tell(fact)
    assert (outcome.events, outcome.ignored) == ([], "the result is of no attempt that is under way")
    assert machine.stores[RUN] == before


def test_results_of_another_attempt_are_stale() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a", retry={"max_attempts": 3, "backoff_ms": 1})]))
    first = machine.take_job("a")
    machine.tell(machine.failed(first, JobError()))
    machine.fire()
    machine.settle()
    assert machine.jobs[0].attempt == 2
    assert machine.tell(machine.succeeded(first, NULL)).events == []
    assert machine.tell(machine.failed(first, JobError())).events == []
    machine.run()
    assert machine.output() == 1


def test_a_success_after_the_failure_that_is_tried_again_is_stale() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a", retry={"max_attempts": 3})]))
    job = machine.take_job("a")
    machine.tell(machine.failed(job, JobError()))
    assert machine.tell(machine.succeeded(job, NULL)).events == []


@pytest.mark.parametrize("path", ["zzz", "a[0]", "a$items", "not a path [", ""])
def test_results_about_nothing_that_is_known(path: str) -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    times = {"started_at": 1, "finished_at": 1}
    fact = JobSucceeded(workspace="w", run_id=RUN, path=path, attempt=1, output=NULL, worker="t", **times)
    assert machine.tell(fact).ignored
    timer = TimerFired(workspace="w", run_id=RUN, path=path, attempt=1, purpose="timeout", due_at=1)
    assert machine.tell(timer).ignored == "the timer is stale"
    ended = ChildEnded(workspace="w", run_id=RUN, path=path, attempt=1, child_run_id="x", status="COMPLETED")
    assert machine.tell(ended).ignored == "no node waits for this child run"


def test_a_purpose_that_does_not_fit_the_node() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    for purpose in ("retry", "wait", "other"):
        timer = TimerFired(workspace="w", run_id=RUN, path="a", attempt=1, purpose=purpose, due_at=1)
        assert machine.tell(timer).ignored == "the timer is stale"


def test_a_reminder_about_nothing() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    for position in (0, 1, -1):
        fact = WorkContinued(workspace="w", run_id=RUN, position=position)
        assert machine.tell(fact).ignored == "nothing is left over at this position"


def test_a_fact_of_a_run_that_nobody_knows() -> None:
    machine = Machine()
    fact = WorkContinued(workspace="w", run_id=RUN, position=0)
    assert machine.tell(fact).ignored == "the run does not exist"
    assert machine.stores[RUN] == {}


def test_time_never_runs_backwards() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.start(flow([fn("a"), fn("b")], "a > b"))
    machine.now = 500
    machine.finish("a")
    assert machine.state().header.at == 1_000
    assert machine.jobs[0].created_at == 1_000
