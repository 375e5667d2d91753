"""`Attempt`: a job that this runner has taken."""

from __future__ import annotations

import threading
import time
from functools import partial
from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.facts import JobFailed, JobStarted, JobSucceeded
from engine.log_line import LogLine
from storage.functions import Context, JobLogger
from storage.kafka.topics import NODE_LOGS
from storage.wire import encode

if TYPE_CHECKING:
    import asyncio

    from engine.effects import Job
    from engine.payload import Payload
    from storage.functions import Function
    from workers.broker import Outlet
    from workers.runner.failure import JobFailure
    from workers.runner.ledger import PartitionLedger
    from workers.runner.threads import Place


def now_ms() -> int:
    """The time in Unix ms."""
    return time.time_ns() // 1_000_000


class Attempt:
    """One job on its way: taken, perhaps waiting for a thread, running, settled, delivered.

    `settled` is set once, when its outcome is decided; whatever its task does afterwards counts for nothing.
    `records` are where the job stands in the topics (more than once if it was delivered again meanwhile).
    """

    __slots__ = (
        "announced",
        "cancelled",
        "function",
        "id",
        "job",
        "place",
        "records",
        "settled",
        "started_at",
        "task",
        "timer",
    )

    def __init__(self, job: Job, job_id: str, ledger: PartitionLedger, offset: int) -> None:
        self.id = job_id
        self.job = job
        self.records = [(ledger, offset)]
        self.function: Function | None = None
        self.place: Place | None = None
        self.task: asyncio.Task[None] | None = None
        self.timer: asyncio.TimerHandle | None = None
        self.cancelled: threading.Event | None = None
        self.started_at = 0
        self.announced = False
        self.settled = False

    @property
    def needs_thread(self) -> bool:
        """Whether the job is a sync function."""
        return self.function is not None and not self.function.is_async

    @property
    def idempotency_key(self) -> str:
        """What all attempts of a node instance share: one that timed out may have had its effect."""
        return f"{self.job.run_id}/{self.job.path}"

    @property
    def is_orphan(self) -> bool:
        """Whether all partitions that the job came from belong to others now."""
        return all(ledger.revoked for ledger, _ in self.records)

    def finish(self) -> None:
        """Nothing is left to do for the records of the job."""
        for ledger, offset in self.records:
            ledger.finish(offset)

    def stop(self) -> None:
        """Tell what runs that its result is not wanted; the attempt is settled already."""
        if self.cancelled is not None:
            self.cancelled.set()
        if self.task is not None:
            self.task.cancel()

    def started(self, worker: str) -> JobStarted:
        """The fact that the job has been running for a while."""
        job = self.job
        return JobStarted(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            started_at=self.started_at,
            worker=worker,
        )

    def succeeded(self, output: Payload, worker: str) -> JobSucceeded:
        """The fact that the job succeeded, now."""
        job = self.job
        return JobSucceeded(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            output=output,
            started_at=self.started_at,
            finished_at=now_ms(),
            worker=worker,
        )

    def failed(self, failure: JobFailure, worker: str) -> JobFailed:
        """The fact that the job failed, now."""
        job = self.job
        return JobFailed(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            error=NodeError(code=failure.code, message=failure.message, path=job.path),
            retryable=failure.retryable,
            started_at=self.started_at,
            finished_at=now_ms(),
            worker=worker,
        )

    def context(self, outlet: Outlet) -> Context:
        """What the function may know; its log lines leave through `outlet`."""
        job = self.job
        self.cancelled = threading.Event()
        return Context(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            idempotency_key=self.idempotency_key,
            deadline=None if job.timeout_ms is None else self.started_at + job.timeout_ms,
            logger=JobLogger(partial(_write_line, outlet, job)),
            cancelled=self.cancelled,
        )


def _write_line(outlet: Outlet, job: Job, n: int, level: str, message: str) -> None:
    line = LogLine(
        workspace=job.workspace,
        run_id=job.run_id,
        path=job.path,
        attempt=job.attempt,
        n=n,
        at=now_ms(),
        level=level,
        # A lone surrogate has no UTF-8, and a line is no reason for a job to fail.
        message=message.encode("utf-8", "replace").decode("utf-8"),
    )
    outlet.send_unconfirmed(NODE_LOGS, job.run_id.encode(), encode(line))
