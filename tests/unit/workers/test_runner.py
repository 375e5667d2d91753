from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import aob
from engine.dead_letter import DeadLetter
from engine.facts import JobFailed, JobStarted, JobSucceeded
from engine.log_line import LogLine
from engine.payload import inline
from storage.kafka.topics import DEAD_LETTERS, NODE_LOGS
from storage.wire import decode, encode
from tests.unit.workers.machine import MEDIUM, job, machine
from tests.unit.workers.waiting import until
from workers.broker.memory import MemoryBroker
from workers.runner import attempts
from workers.runner.limits import Limits

if TYPE_CHECKING:
    from storage.functions.registry import AnyFunction


async def echo(**given: object) -> object:
    return given


def echo_sync(**given: object) -> object:
    return given


class Gate:
    """A function that waits until the test lets it go, and tells what it runs."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.started: list[str] = []
        self.ended: list[str] = []
        self.cancelled: list[str] = []

    async def wait(self, context: aob.Context) -> str:
        self.started.append(context.run_id)
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled.append(context.run_id)
            raise
        self.ended.append(context.run_id)
        return context.idempotency_key


@pytest.mark.parametrize("call", [echo, echo_sync])
async def test_a_job_becomes_an_outcome(call: AnyFunction) -> None:
    async with machine({"echo": call}) as m:
        outcome = await m.outcome(job(inputs=inline({"a": [1]})))
        assert isinstance(outcome, JobSucceeded)
        assert outcome.output.value() == {"a": [1]}
        assert (outcome.run_id, outcome.path, outcome.attempt) == ("r0_0", "n", 1)
        assert outcome.worker == "runner.test"
        assert 0 < outcome.started_at <= outcome.finished_at
        m.stop.set()
        await until(lambda: m.position() == (1, ""))


def _raise(error: BaseException) -> AnyFunction:
    async def call() -> None:
        raise error

    return call


@pytest.mark.parametrize(
    ("error", "code", "message", "retryable"),
    [
        (ValueError("bad"), "FUNCTION_ERROR", "ValueError: bad", True),
        (aob.Retryable("busy", code="BUSY"), "BUSY", "busy", True),
        (aob.Fatal("never"), "FUNCTION_ERROR", "never", False),
        (SystemExit(3), "FUNCTION_ERROR", "SystemExit: 3", True),
        (KeyboardInterrupt(), "FUNCTION_ERROR", "KeyboardInterrupt", True),
        (asyncio.CancelledError(), "FUNCTION_ERROR", "CancelledError", True),
        (ValueError("\ud800" + "x" * 10_000), "FUNCTION_ERROR", "ValueError: ?xxx", True),
    ],
)
async def test_what_a_function_raises(error: BaseException, code: str, message: str, retryable: bool) -> None:  # noqa: FBT001
    def sync() -> None:
        raise error

    async with machine({"async": _raise(error), "sync": sync}) as m:
        for number, name in enumerate(("async", "sync")):
            outcome = await m.outcome(job(number, name))
            assert isinstance(outcome, JobFailed)
            assert (outcome.error.code, outcome.retryable) == (code, retryable)
            assert outcome.error.message.startswith(message)
            assert len(outcome.error.message) <= 4000
            assert outcome.error.path == "n"


async def test_errors_before_the_function_runs() -> None:
    async with machine({"fetch_rows": echo, "one": lambda a: a}) as m:
        cases: list[tuple[Any, str, str]] = [
            (job(1, "fetch_row"), "FUNCTION_UNKNOWN", "did you mean 'fetch_rows'?"),
            (job(2, "one"), "FUNCTION_ARGUMENTS", "'a'"),
            (job(3, None), "FUNCTION_UNKNOWN", ""),
            (job(4, kind="dance"), "KIND_UNKNOWN", "dance"),
        ]
        for case, code, message in cases:
            outcome = await m.outcome(case)
            assert isinstance(outcome, JobFailed)
            assert (outcome.error.code, outcome.retryable) == (code, False)
            assert message in outcome.error.message


async def test_many_jobs_run_at_once_and_not_more_than_allowed() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}, limits=Limits(in_flight=5, drain_s=0)) as m:
        for number in range(12):
            m.put(job(number, "wait"))
        await until(lambda: len(gate.started) == 5)
        gate.open.set()
        await until(lambda: len(m.outcomes) == 12)


async def test_high_jobs_overtake_those_that_wait() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}, limits=Limits(in_flight=1, drain_s=0)) as m:
        m.put(job(0, "wait"), "low")
        await until(lambda: gate.started == ["r0_0"])
        for number, priority in ((1, "low"), (2, "medium"), (3, "high")):
            m.put(job(number, "wait"), priority)
        gate.open.set()
        await until(lambda: len(m.outcomes) == 4)
        assert gate.started == ["r0_0", "r0_3", "r0_2", "r0_1"]


async def test_sync_jobs_that_wait_for_a_thread_hold_up_nobody() -> None:
    gate = threading.Event()
    async with machine({"block": gate.wait, "echo": echo}, threads=2) as m:
        for number in range(10):
            m.put(job(number, "block"))
        assert await m.output(job(99)) == {}
        assert len(m.outcomes) == 1
        gate.set()
        await until(lambda: len(m.outcomes) == 11)


async def test_a_full_backlog_pauses_its_priority_alone() -> None:
    gate = Gate()
    limits = Limits(in_flight=2, backlog=10, drain_s=0)
    async with machine({"wait": gate.wait, "echo": echo}, limits=limits) as m:
        for number in range(100):
            m.put(job(number, "wait"), "low")
            await asyncio.sleep(0)
        await until(lambda: len(gate.started) == 2)
        assert m.source._paused == {2}
        gate.open.set()
        await until(lambda: len(m.outcomes) == 100)
        assert m.source._paused == set()


async def test_garbage_goes_to_the_dead_letters_and_work_goes_on() -> None:
    async with machine({"echo": echo}) as m:
        m.put(b"garbage")
        m.put(
            encode(
                LogLine(workspace="w", run_id="r", path="p", attempt=1, n=0, at=0, level="info", message="")
            )
        )
        assert await m.output(job()) == {}
        letters = [decode(value) for value in m.broker.values(DEAD_LETTERS)]
        assert [letter.code for letter in letters if isinstance(letter, DeadLetter)] == [
            "UNREADABLE",
            "UNEXPECTED_RECORD",
        ]
        assert isinstance(letters[0], DeadLetter)
        assert (letters[0].value, letters[0].topic, letters[0].offset) == (b"garbage", MEDIUM, 0)
        await until(lambda: m.position() == (3, ""))


async def test_a_job_that_is_delivered_twice_runs_once() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}) as m:
        m.put(job(1, "wait"))
        m.put(job(1, "wait"))
        await until(lambda: len(gate.started) == 1)
        gate.open.set()
        await until(lambda: len(m.outcomes) == 1)
        m.put(job(1, "wait"))
        m.put(job(2, "wait"))
        await until(lambda: len(m.outcomes) == 2)
        assert gate.started == ["r0_1", "r0_2"]
        await until(lambda: m.position() == (4, ""))


async def test_a_job_counts_as_finished_when_its_outcome_is_delivered() -> None:
    async with machine({"echo": echo}, holding=True) as m:
        m.put(job(0))
        await until(lambda: len(m.outcomes) == 1)
        m.runner._intake.commit()
        assert m.position()[0] == 0
        m.outlet.release()
        m.runner._intake.commit()
        assert m.position() == (1, "")


async def test_a_time_out_is_retryable_and_stops_what_runs() -> None:
    gate = Gate()
    sync_gate = threading.Event()
    seen: list[aob.Context] = []

    def block(context: aob.Context) -> None:
        seen.append(context)
        sync_gate.wait()

    async with machine({"wait": gate.wait, "block": block, "echo": echo_sync}, threads=1) as m:
        for number, name in enumerate(("wait", "block")):
            outcome = await m.outcome(job(number, name, timeout_ms=30))
            assert isinstance(outcome, JobFailed)
            assert (outcome.error.code, outcome.retryable) == ("TIMEOUT", True)
            assert outcome.finished_at - outcome.started_at >= 29
        assert gate.cancelled == ["r0_0"]
        assert seen[0].cancelled.is_set()
        assert seen[0].deadline is not None
        # The thread that does not come back was replaced.
        assert await m.output(job(5)) == {}
        sync_gate.set()


async def test_a_time_out_does_not_wait_for_a_function_that_ignores_it() -> None:
    release = asyncio.Event()

    async def stubborn() -> str:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue
        return "late"

    async with machine({"stubborn": stubborn}) as m:
        outcome = await m.outcome(job(0, "stubborn", timeout_ms=10))
        assert isinstance(outcome, JobFailed)
        release.set()
        await asyncio.sleep(0)
        assert len(m.outcomes) == 1


async def test_a_long_job_is_announced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "STARTED_AFTER_MS", 0)
    gate = Gate()
    async with machine({"wait": gate.wait}) as m:
        m.put(job(0, "wait"))
        await until(lambda: len(m.facts) == 1)
        started = m.facts[0]
        assert isinstance(started, JobStarted)
        m.runner._attempts.announce()
        gate.open.set()
        await until(lambda: len(m.outcomes) == 1)
        assert len(m.facts) == 2
        assert m.outcomes[0].started_at == started.started_at


async def test_cancel_drops_what_runs_what_waits_and_what_comes() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}, limits=Limits(in_flight=2, drain_s=0)) as m:
        m.put(job(1, "wait"))
        m.put(job(2, "wait"))
        m.put(job(1, "wait", path="queued"))
        await until(lambda: len(gate.started) == 2)
        m.cancel("r0_1")
        await until(lambda: gate.cancelled == ["r0_1"])
        m.put(job(1, "wait", path="later"))
        m.put(job(3, "wait"))
        await until(lambda: "r0_3" in gate.started)
        gate.open.set()
        await until(lambda: len(m.outcomes) == 2)
        assert {outcome.run_id for outcome in m.outcomes} == {"r0_2", "r0_3"}
        await until(lambda: m.position() == (5, ""))


async def test_cancel_of_a_path_leaves_later_attempts_alone() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}) as m:
        m.put(job(1, "wait", attempt=1))
        m.put(job(1, "wait", attempt=2))
        m.put(job(1, "wait", path="other"))
        await until(lambda: len(gate.started) == 3)
        m.cancel("r0_1", ["n"], [1])
        gate.open.set()
        await until(lambda: len(m.outcomes) == 2)
        assert {(outcome.path, outcome.attempt) for outcome in m.outcomes} == {("n", 2), ("other", 1)}


async def test_a_cancelled_sync_function_is_told() -> None:
    told = threading.Event()

    def block(context: aob.Context) -> None:
        context.cancelled.wait()
        told.set()

    async with machine({"block": block}) as m:
        m.put(job(1, "block"))
        await until(lambda: m.runner._attempts._known != {})
        await until(lambda: all(a.cancelled is not None for a in m.runner._attempts._known.values()))
        m.cancel("r0_1")
        await until(told.is_set)
        assert m.outcomes == []


async def test_drain_lets_jobs_end_and_hands_back_the_rest() -> None:
    gate, stuck = Gate(), Gate()
    broker = MemoryBroker()
    limits = Limits(in_flight=3, drain_s=0.2)
    async with machine({"quick": gate.wait, "slow": stuck.wait}, limits=limits, broker=broker) as m:
        m.put(job(0, "quick"))
        m.put(job(1, "slow"))
        m.put(job(2, "quick"))
        m.put(job(3, "quick"))
        await until(lambda: len(gate.started) == 2)
        m.stop.set()
        await until(lambda: m.runner.unready is not None)
        gate.open.set()
        await until(lambda: len(m.outcomes) == 2)
        await until(lambda: stuck.cancelled == ["r0_1"])
    assert {outcome.run_id for outcome in m.outcomes} == {"r0_0", "r0_2"}
    assert broker.commits[MEDIUM, 0][0] == 1
    stuck.open.set()
    async with machine({"quick": gate.wait, "slow": stuck.wait}, broker=broker) as other:
        await until(lambda: len(other.outcomes) == 4)
    assert gate.started == ["r0_0", "r0_2", "r0_3"]
    assert broker.commits[MEDIUM, 0] == (4, "")


async def test_after_a_crash_only_what_was_unfinished_runs_again() -> None:
    gate = Gate()
    broker = MemoryBroker()

    async def crash() -> None:
        async with machine({"wait": gate.wait, "echo": echo}, broker=broker) as m:
            m.put(job(0, "wait"))
            for number in range(1, 50):
                m.put(job(number))
            m.put(job(50, "wait"))
            await until(lambda: len(m.outcomes) == 49)
            m.runner._intake.commit()
            m.source.crash()
            raise ConnectionError

    with pytest.raises(ConnectionError):
        await crash()
    assert broker.commits[MEDIUM, 0][0] == 0
    again = Gate()
    again.open.set()
    ran: list[str] = []

    async def count(context: aob.Context) -> None:
        ran.append(context.run_id)

    async with machine({"wait": again.wait, "echo": count}, broker=broker) as other:
        await until(lambda: len(other.outcomes) == 51)
    assert again.started == ["r0_0", "r0_50"]
    assert ran == []


async def test_a_revoked_partition_is_forgotten_and_its_running_job_goes_on() -> None:
    gate = Gate()
    async with machine({"wait": gate.wait}, limits=Limits(in_flight=1, drain_s=0)) as m:
        for number in range(3):
            m.put(job(number, "wait"))
        await until(lambda: len(gate.started) == 1)
        m.source.lose([(MEDIUM, 0)])
        m.source.gain([(MEDIUM, 0)])
        gate.open.set()
        await until(lambda: len(m.outcomes) == 3)
        # The first was running while it was delivered again: it ran once.
        assert gate.started == ["r0_0", "r0_1", "r0_2"]
        await until(lambda: m.position() == (3, ""))


async def test_log_lines_of_a_job() -> None:
    def talk(context: aob.Context) -> None:
        context.logger.info("hello %s", "you")
        context.logger.warning("\ud800")

    async with machine({"talk": talk}) as m:
        await m.output(job(0, "talk"))
        lines = [decode(value) for value in m.broker.values(NODE_LOGS)]
        assert [(x.n, x.level, x.message) for x in lines if isinstance(x, LogLine)] == [
            (0, "info", "hello you"),
            (1, "warning", "?"),
        ]


async def test_a_runner_ends_with_what_its_source_failed_with() -> None:
    async def fail() -> None:
        async with machine() as m:
            await until(lambda: m.runner.unready is None)
            m.runner.failed(OSError("gone"))

    with pytest.raises(OSError, match="gone"):
        await fail()
