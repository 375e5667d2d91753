"""The side of the runner that does the work: attempts begun, running, settled, dropped."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

from engine.effects import CancelJobs, Job
from storage.kafka.topics import NODE_RESULTS
from storage.wire import WireError, decode, encode
from workers.runner.attempt import Attempt, now_ms
from workers.runner.backlog import Backlog
from workers.runner.dead_letters import bury
from workers.runner.failure import JobFailure, failure_of
from workers.runner.recent import CancelledJobs, RecentIds

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.facts import JobFailed, JobSucceeded
    from workers.broker import Outlet
    from workers.runner.intake import Waiting
    from workers.runner.threads import Threads
    from workers.runner.work import Work

RECENT_JOBS = 50_000

MAX_UNDELIVERED = 10_000
"""Outcomes on their way beyond which no job starts: a stopped broker must not fill the memory."""

STARTED_AFTER_MS = 500


class Attempts:
    """Jobs by id, from when they are taken to when their outcome is delivered.

    `on_room` is called when another job may begin, `on_fault` when the runner itself is at fault.
    """

    def __init__(
        self,
        *,
        outlet: Outlet,
        work: Work,
        threads: Threads,
        worker: str,
        in_flight: int,
        on_room: Callable[[], None],
        on_fault: Callable[[Exception], None],
    ) -> None:
        self._outlet = outlet
        self._work = work
        self._threads = threads
        self._worker = worker
        self._in_flight = in_flight
        self._on_room = on_room
        self._on_fault = on_fault
        self._parked: Backlog[Attempt] = Backlog(in_flight)
        self._known: dict[str, Attempt] = {}
        self._running: dict[str, Attempt] = {}
        self._recent = RecentIds(RECENT_JOBS)
        self._unwanted = CancelledJobs()
        self._choked = False

    def has_room(self) -> bool:
        """Whether another record may be taken; begins what waits for a thread first: its turn has come."""
        self._choked = self._outlet.undelivered >= MAX_UNDELIVERED
        if self._choked or len(self._running) >= self._in_flight:
            return False
        return len(self._parked) == 0 or self._begin_parked()

    def take(self, priority: int, waiting: Waiting) -> None:
        """Begin the job of a record, unless nobody wants it or it is known already."""
        ledger, record = waiting
        try:
            job = decode(record.value)
        except WireError as error:
            bury(self._outlet, waiting, "UNREADABLE", str(error))
            return
        if not isinstance(job, Job):
            bury(self._outlet, waiting, "UNEXPECTED_RECORD", f"a job topic holds no {type(job).__name__}")
            return
        job_id = job.id
        known = self._known.get(job_id)
        if known is not None:
            known.records.append((ledger, record.offset))
        elif job_id in self._recent or self._unwanted.covers(job):
            ledger.finish(record.offset)
        else:
            attempt = self._known[job_id] = Attempt(job, job_id, ledger, record.offset)
            if job.kind == "function":
                attempt.function = self._work.function_of(job.function)
            if attempt.needs_thread and self._threads.free <= 0:
                self._parked.push(priority, attempt)
            else:
                self._begin(attempt)

    def cancel(self, cancel: CancelJobs) -> None:
        """Drop what is named, running or not, now or when it comes."""
        self._unwanted.add(cancel)
        for attempt in list(self._known.values()):
            if not attempt.settled and self._unwanted.covers(attempt.job):
                self._leave(attempt)
                attempt.stop()
                self._finish(attempt)
        self._on_room()

    def forget_orphans(self) -> None:
        """Drop what is not begun and belongs to others since its partition went."""
        for attempt in self._parked.discard(lambda attempt: attempt.is_orphan):
            self._known.pop(attempt.id, None)

    def announce(self) -> None:
        """Tell of jobs that have been running for a while."""
        started_before = now_ms() - STARTED_AFTER_MS
        for attempt in self._running.values():
            if attempt.started_at > started_before:
                break
            if not attempt.announced:
                attempt.announced = True
                self._send(attempt, encode(attempt.started(self._worker)), _nothing)

    async def drain(self, timeout_s: float) -> int:
        """Let what runs end, for `timeout_s` at most; hand back the rest, and say how many."""
        ending = [attempt.task for attempt in self._running.values() if attempt.task is not None]
        if ending and timeout_s > 0:
            await asyncio.wait(ending, timeout=timeout_s)
        handed_back = list(self._running.values())
        for attempt in handed_back:
            self._leave(attempt)
            attempt.stop()
        if ending:
            await asyncio.wait(ending, timeout=1)
        return len(handed_back)

    def _begin_parked(self) -> bool:
        """Give free threads to those who wait for one; say whether there is room left for others."""
        while len(self._running) < self._in_flight:
            if self._threads.free <= 0:
                return len(self._parked) < self._in_flight
            parked = self._parked.pop()
            if parked is None:
                return True
            if not parked[1].settled:
                self._begin(parked[1])
        return False

    def _begin(self, attempt: Attempt) -> None:
        loop = asyncio.get_running_loop()
        attempt.started_at = now_ms()
        self._running[attempt.id] = attempt
        if attempt.needs_thread:
            attempt.place = self._threads.reserve()
        timeout_ms = attempt.job.timeout_ms
        if timeout_ms is not None:
            attempt.timer = loop.call_later(timeout_ms / 1000, self._expire, attempt)
        attempt.task = loop.create_task(self._perform(attempt))

    async def _perform(self, attempt: Attempt) -> None:
        fact: JobSucceeded | JobFailed
        try:
            fact = attempt.succeeded(await self._work.perform(attempt), self._worker)
        except (Exception, SystemExit, KeyboardInterrupt, asyncio.CancelledError) as error:  # noqa: BLE001
            # Whatever a function raises is the outcome of its job, never the end of the runner.
            if attempt.settled:
                return
            fact = attempt.failed(failure_of(error), self._worker)
        try:
            self._settle(attempt, fact)
        except Exception as error:  # noqa: BLE001 (nobody awaits this task)
            self._on_fault(error)

    def _expire(self, attempt: Attempt) -> None:
        message = f"the node did not end within {attempt.job.timeout_ms} ms (its timeout_ms)"
        self._settle(attempt, attempt.failed(JobFailure("TIMEOUT", message, retryable=True), self._worker))
        attempt.stop()

    def _settle(self, attempt: Attempt, fact: JobSucceeded | JobFailed) -> None:
        if attempt.settled:
            return
        self._leave(attempt)
        self._send(attempt, encode(fact), partial(self._delivered, attempt))
        self._on_room()

    def _send(self, attempt: Attempt, value: bytes, delivered: Callable[[], None]) -> None:
        self._outlet.send(NODE_RESULTS, attempt.job.run_id.encode(), value, delivered)

    def _leave(self, attempt: Attempt) -> None:
        """The attempt is decided and holds nothing any more."""
        attempt.settled = True
        self._running.pop(attempt.id, None)
        if attempt.timer is not None:
            attempt.timer.cancel()
        if attempt.place is not None:
            self._threads.release(attempt.place)

    def _delivered(self, attempt: Attempt) -> None:
        self._finish(attempt)
        if self._choked:
            self._on_room()

    def _finish(self, attempt: Attempt) -> None:
        attempt.finish()
        self._known.pop(attempt.id, None)
        self._recent.add(attempt.id)


def _nothing() -> None:
    """Nobody waits for this record's delivery."""
