"""What a runner does with a job that it, or another one, has had before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from engine.facts import JobFailed, JobSucceeded
from engine.payload import inline
from tests.unit.workers.http_server import Request, answer, serving
from tests.unit.workers.machine import MEDIUM, job, machine
from tests.unit.workers.waiting import until
from workers.broker.memory import MemoryBroker
from workers.runner import attempts
from workers.runner.limits import Limits

if TYPE_CHECKING:
    import aob


class Calls:
    """A function that counts its calls by run."""

    def __init__(self) -> None:
        self.runs: list[str] = []
        self.keys: list[str] = []

    async def call(self, context: aob.Context) -> int:
        self.runs.append(context.run_id)
        self.keys.append(context.idempotency_key)
        return len(self.runs)


async def test_all_attempts_of_a_node_instance_have_one_key() -> None:
    calls = Calls()
    async with machine({"call": calls.call}) as m:
        for path, attempt in (("n", 1), ("n", 2), ("n[3]", 1), ("n#2", 1), ("n#2", 2)):
            await m.outcome(job(len(calls.runs), "call", path=path, attempt=attempt, run_id=f"r0_{path[:1]}"))
            await until(lambda: m.outlet.undelivered == 0)
    assert calls.keys == ["r0_n/n", "r0_n/n", "r0_n/n[3]", "r0_n/n#2", "r0_n/n#2"]


async def test_a_request_is_repeated_under_the_key_that_it_had() -> None:
    async with serving() as server, machine() as m:
        server.answers["/"] = None
        config = inline({"url": server.url(), "method": "POST"})
        first = await m.outcome(job(1, None, kind="http", inputs=config, timeout_ms=100))
        assert isinstance(first, JobFailed)
        assert first.error.code == "TIMEOUT"
        server.answers["/"] = answer(200)
        second = await m.outcome(job(1, None, kind="http", inputs=config, attempt=2))
        assert isinstance(second, JobSucceeded)
        assert [request.headers["idempotency-key"] for request in server.requests] == ["r0_1/n", "r0_1/n"]


async def test_a_job_that_comes_again_after_its_outcome_was_delivered_does_not_run() -> None:
    calls = Calls()
    async with machine({"call": calls.call}) as m:
        await m.outcome(job(1, "call"))
        await until(lambda: m.runner._attempts._known == {})
        m.put(job(1, "call"))
        m.put(job(2, "call"))
        await until(lambda: len(m.outcomes) == 2)
        assert calls.runs == ["r0_1", "r0_2"]
        await until(lambda: m.position() == (3, ""))


async def test_a_job_that_comes_again_before_its_outcome_is_delivered_is_finished_with_it() -> None:
    calls = Calls()
    async with machine({"call": calls.call}, holding=True) as m:
        m.put(job(1, "call"))
        await until(lambda: m.outlet.undelivered == 1)
        m.put(job(1, "call"))
        m.put(job(2, "call"))
        await until(lambda: m.outlet.undelivered == 2)
        m.runner._intake.commit()
        assert m.position()[0] == 0
        m.outlet.release()
        m.runner._intake.commit()
        assert m.position() == (3, "")
        assert calls.runs == ["r0_1", "r0_2"]


async def test_a_partition_that_comes_back_without_a_commit_repeats_nothing() -> None:
    calls = Calls()
    async with machine({"call": calls.call}) as m:
        for number in range(20):
            m.put(job(number, "call"))
        await until(lambda: len(m.outcomes) == 20 and m.runner._attempts._known == {})
        m.source.lose([(MEDIUM, 0)])
        m.broker.commits.clear()
        m.source.gain([(MEDIUM, 0)])
        m.put(job(20, "call"))
        await until(lambda: len(m.outcomes) == 21)
        assert calls.runs == [f"r0_{number}" for number in range(21)]
        await until(lambda: m.position() == (21, ""))


async def test_what_is_older_than_the_memory_runs_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attempts, "RECENT_JOBS", 4)
    calls = Calls()
    async with machine({"call": calls.call}) as m:
        for number in range(12):
            await m.outcome(job(number, "call"))
        await until(lambda: m.runner._attempts._known == {})
        m.put(job(11, "call"))
        m.put(job(0, "call"))
        await until(lambda: len(m.outcomes) == 13)
        assert calls.runs.count("r0_11") == 1
        assert calls.runs.count("r0_0") == 2


@pytest.mark.parametrize("answered", [True, False])
async def test_a_leaving_runner_finishes_its_requests_or_hands_them_back(answered: bool) -> None:  # noqa: FBT001
    released = asyncio.Event()
    broker = MemoryBroker()
    async with serving() as server:

        async def late(_: Request) -> bytes:
            await released.wait()
            return answer(200, b"late")

        server.answers["/"] = late
        request = job(1, None, kind="http", inputs=inline({"url": server.url(), "method": "POST"}))
        limits = Limits(drain_s=10 if answered else 0.05)
        async with machine(limits=limits, broker=broker) as m:
            m.put(request)
            await until(lambda: len(server.requests) == 1)
            m.stop.set()
            await until(lambda: m.runner.unready is not None)
            if answered:
                released.set()
        released.set()
        assert len(m.outcomes) == int(answered)
        assert broker.commits.get((MEDIUM, 0), (0, ""))[0] == int(answered)
        async with machine(broker=broker) as other:
            other.put(job(2, None, kind="http", inputs=request.inputs))
            await until(lambda: len(other.outcomes) == 2)
        assert {outcome.run_id for outcome in other.outcomes} == {"r0_1", "r0_2"}
        keys = [asked.headers["idempotency-key"] for asked in server.requests]
        assert keys == (["r0_1/n", "r0_2/n"] if answered else ["r0_1/n", "r0_1/n", "r0_2/n"])
