"""The runner: its sources on one side, its attempts on the other, and its life between start and drain."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import structlog

from workers.runner.attempts import Attempts
from workers.runner.intake import Intake
from workers.runner.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.effects import CancelJobs
    from workers.broker import Assigned, CancelFeed, JobSource, Outlet, Partition, Position, Record
    from workers.runner.threads import Threads
    from workers.runner.work import Work

_log = structlog.get_logger(__name__)

TICK_S = 0.1
TICKS_A_COMMIT = 5
DELIVERY_S = 5.0
"""How long a leaving runner waits for outcomes to be confirmed."""


class Runner:
    """Runs the jobs of `sources`; it is their `Listener`. All of it lives on one event loop.

    A record is finished when its outcome is delivered, or when nobody wants one; only then is it committed.
    """

    def __init__(
        self,
        *,
        sources: Sequence[JobSource],
        cancels: CancelFeed,
        outlet: Outlet,
        work: Work,
        threads: Threads,
        worker: str,
        limits: Limits | None = None,
    ) -> None:
        limits = limits or Limits()
        self._sources = sources
        self._cancels = cancels
        self._outlet = outlet
        self._threads = threads
        self._drain_s = limits.drain_s
        self._intake = Intake(sources, limits)
        self._attempts = Attempts(
            outlet=outlet,
            work=work,
            threads=threads,
            worker=worker,
            in_flight=limits.in_flight,
            on_room=self._fill,
            on_fault=self.failed,
        )
        self._joined = False
        self._draining = False
        self._ticks = 0
        self._ticker: asyncio.TimerHandle | None = None
        self._over: asyncio.Future[None] | None = None

    @property
    def unready(self) -> str | None:
        """Why it takes no jobs; None when it does."""
        if self._draining:
            return "it is draining"
        return None if self._joined else "it has not joined its group yet"

    async def run(self, stop: asyncio.Event) -> None:
        """Work until `stop` is set, then finish or hand back what runs; raises what made work impossible."""
        loop = asyncio.get_running_loop()
        over = self._over = loop.create_future()
        self._threads.when_free(self._fill)
        self._outlet.start(self.failed)
        self._cancels.start(self)
        for source in self._sources:
            source.start(self)
        self._tick(loop)
        stopped = asyncio.ensure_future(stop.wait())
        await asyncio.wait([stopped, over], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        await self._drain(0 if over.done() else self._drain_s)
        if over.done():
            over.result()

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Take on partitions."""
        self._joined = True
        self._intake.assigned(partitions)

    def received(self, records: Sequence[Record]) -> None:
        """Queue records and start what can be started."""
        self._outlet.expect(len(records))
        self._intake.received(records)
        self._fill()

    def revoked(self, partitions: Sequence[Partition]) -> list[Position]:
        """Let partitions go; their jobs that run go on, and whoever owns them next may run them again."""
        positions = self._intake.revoked(partitions)
        self._attempts.forget_orphans()
        return positions

    def commit_failed(self) -> None:
        """Commit again."""
        self._intake.commit_failed()

    def cancelled(self, cancel: CancelJobs) -> None:
        """Drop what is not wanted."""
        self._attempts.cancel(cancel)

    def failed(self, error: Exception) -> None:
        """End with this error."""
        if self._over is not None and not self._over.done():
            self._over.set_exception(error)

    def _fill(self) -> None:
        while not self._draining and self._attempts.has_room():
            entry = self._intake.next()
            if entry is None:
                return
            self._attempts.take(*entry)

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self._attempts.announce()
        self._ticks += 1
        if self._ticks % TICKS_A_COMMIT == 0:
            self._intake.commit()
        self._ticker = loop.call_later(TICK_S, self._tick, loop)

    async def _drain(self, timeout_s: float) -> None:
        self._draining = True
        self._intake.stop()
        handed_back = await self._attempts.drain(timeout_s)
        if self._ticker is not None:
            self._ticker.cancel()
        await self._outlet.close(DELIVERY_S)
        await self._intake.close()
        await self._cancels.close()
        self._threads.close()
        _log.info("drained", handed_back=handed_back)
