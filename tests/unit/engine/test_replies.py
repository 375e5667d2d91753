from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from engine.errors import Issue
from engine.facts import RunRefused
from tests.support.machine import RUN, JobError, Machine, decode
from tests.unit.engine.build import flow, fn

if TYPE_CHECKING:
    from engine.effects import Reply


def only(machine: Machine) -> Reply:
    (reply,) = machine.replies
    return reply


def test_who_starts_a_run_and_waits_gets_its_result() -> None:
    machine = Machine({"f": lambda _: {"n": 1}})
    machine.start(flow([fn("a")]), reply_to=7)
    machine.run()
    reply = only(machine)
    assert (reply.command_id, reply.reply_to, reply.ok, reply.run_id) == ("c1", 7, True, RUN)
    assert decode(reply.body or b"") == {"run_id": RUN, "status": "COMPLETED", "output": {"n": 1}}


def test_a_large_result_is_named_by_its_artifact() -> None:
    machine = Machine({"f": lambda _: "x" * 50}, inline_limit=20)
    machine.start(flow([fn("a")]), reply_to=7)
    machine.run()
    body = decode(only(machine).body or b"")
    assert body["artifact"]["size"] == 52
    assert "output" not in body


def test_a_failure_and_a_cancellation_are_results_too() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]), reply_to=7)
    machine.tell(machine.failed(machine.jobs.popleft(), JobError("no", retryable=False)))
    body = decode(only(machine).body or b"")
    error = {"code": "FUNCTION_ERROR", "message": "no", "path": "a"}
    assert body == {"run_id": RUN, "status": "FAILED", "output": None, "error": error}
    machine = Machine()
    machine.start(flow([fn("a")]), reply_to=7)
    machine.cancel()
    assert decode(only(machine).body or b"")["status"] == "CANCELLED"


def test_nobody_waits() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow([fn("a")]))
    machine.cancel()
    assert not machine.replies


@pytest.mark.parametrize("command", ["cancel", "pause", "resume"])
def test_a_run_that_nobody_knows(command: str) -> None:
    machine = Machine()
    outcome = getattr(machine, command)(reply_to=1)
    assert (outcome.events, outcome.ignored) == ([], "the run does not exist")
    assert (only(machine).ok, only(machine).code) == (False, "RUN_UNKNOWN")
    assert machine.stores[RUN] == {}


@pytest.mark.parametrize("command", ["cancel", "pause", "resume"])
def test_a_run_that_has_ended(command: str) -> None:
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow([fn("a")]))
    getattr(machine, command)(reply_to=1)
    assert (only(machine).code, only(machine).message) == ("RUN_ENDED", "the run has ended, as COMPLETED")


def test_the_first_start_wins() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    outcome = machine.tell(machine.admitted(flow([fn("b")]), command_id="c2", reply_to=1))
    assert outcome.events == []
    assert (only(machine).command_id, only(machine).code) == ("c2", "RUN_EXISTS")


def test_the_same_start_told_twice_says_nothing() -> None:
    machine = Machine()
    fact = machine.admitted(flow([fn("a")]), reply_to=1)
    machine.tell(fact)
    outcome = machine.tell(fact)
    assert (outcome.events, outcome.ignored) == ([], "the run has begun already")
    assert not machine.replies


def test_a_start_of_a_run_that_has_ended() -> None:
    machine = Machine({"f": lambda _: 1})
    machine.begin(flow([fn("a")]))
    machine.tell(machine.admitted(flow([fn("a")]), command_id="c2", reply_to=1))
    assert (only(machine).code, machine.types()[-1]) == ("RUN_EXISTS", "run.completed")


def refused(run_id: str = RUN) -> RunRefused:
    return RunRefused(
        workspace="w",
        run_id=run_id,
        command_id="c9",
        author="user:t",
        code="INPUTS_INVALID",
        message="no",
        issues=[Issue("/n", "is missing")],
        reply_to=2,
    )


def test_a_refused_start_leaves_a_run_that_says_why() -> None:
    machine = Machine()
    machine.tell(refused())
    assert machine.types() == ["run.rejected"]
    assert (only(machine).code, only(machine).issues) == ("INPUTS_INVALID", [Issue("/n", "is missing")])
    assert machine.state().header.status == "REJECTED"
    assert machine.replayed() == machine.stores[RUN]
    assert machine.tell(machine.admitted(flow([fn("a")]))).events == []


def test_a_refused_start_of_a_run_that_exists_changes_nothing() -> None:
    machine = Machine()
    machine.start(flow([fn("a")]))
    assert machine.tell(refused()).events == []
    assert only(machine).code == "INPUTS_INVALID"
