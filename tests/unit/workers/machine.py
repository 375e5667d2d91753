"""A runner over a broker in memory, its functions, and what it wrote."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from engine.effects import CancelJobs, Job
from engine.facts import JobFailed, JobStarted, JobSucceeded
from engine.payload import Payload, inline
from storage.cas import MemoryStore
from storage.functions import Registry
from storage.kafka.topics import NODE_RESULTS, job_topic
from storage.wire import decode, encode
from tests.unit.workers.waiting import until
from workers.broker.memory import MemoryBroker, MemoryCancels, MemoryOutlet, MemorySource
from workers.http import AllowList, HttpClient
from workers.runner.blobs import Blobs
from workers.runner.limits import Limits
from workers.runner.runner import Runner
from workers.runner.threads import Threads
from workers.runner.work import Work

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.functions.registry import AnyFunction

Outcome = JobSucceeded | JobFailed
MEDIUM = job_topic("default", "medium")


def job(
    number: int = 0,
    function: str | None = "echo",
    *,
    ready: bool = True,
    **fields: Any,  # noqa: ANN401 (any field of a job)
) -> Job:
    """A job of a run of its own; with `ready` its input is an empty object unless given."""
    values: dict[str, Any] = {
        "workspace": "w",
        "run_id": f"r0_{number}",
        "path": "n",
        "attempt": 1,
        "kind": "function",
        "created_at": 0,
        "function": function,
    }
    if ready:
        values["inputs"] = inline({})
    return Job(**values | fields)


@dataclass
class Machine:
    """What a test holds of a runner."""

    broker: MemoryBroker
    store: MemoryStore
    registry: Registry = field(default_factory=Registry)
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    source: MemorySource = field(init=False)
    outlet: MemoryOutlet = field(init=False)
    runner: Runner = field(init=False)

    def put(self, what: Job | bytes, priority: str = "medium") -> int:
        value = encode(what) if isinstance(what, Job) else what
        return self.broker.append(job_topic("default", priority), b"key", value)

    def cancel(self, run_id: str, paths: list[str] | None = None, attempts: list[int] | None = None) -> None:
        self.broker.cancel(
            CancelJobs(
                workspace="w", run_id=run_id, paths=paths or [], attempts=attempts or [], reason="test"
            )
        )

    @property
    def facts(self) -> list[Any]:
        return [decode(value) for value in self.broker.values(NODE_RESULTS)]

    @property
    def outcomes(self) -> list[Outcome]:
        return [fact for fact in self.facts if not isinstance(fact, JobStarted)]

    def position(self) -> tuple[int, str]:
        return self.broker.commits.get((MEDIUM, 0), (0, ""))

    async def outcome(self, of: Job) -> Outcome:
        """Put a job in and wait for what becomes of it."""
        self.put(of)
        await until(lambda: any(o.run_id == of.run_id and o.attempt == of.attempt for o in self.outcomes))
        return next(o for o in self.outcomes if o.run_id == of.run_id and o.attempt == of.attempt)

    async def output(self, of: Job) -> Any:  # noqa: ANN401 (any JSON value)
        """As `outcome`, for a job that succeeds: its output's value."""
        outcome = await self.outcome(of)
        assert isinstance(outcome, JobSucceeded), outcome
        return self.value(outcome.output)

    def value(self, payload: Payload) -> Any:  # noqa: ANN401 (any JSON value)
        return payload.value() if payload.ref is None else msgspec.json.decode(self.store.get(payload.ref))


@asynccontextmanager
async def machine(
    functions: dict[str, AnyFunction] | None = None,
    *,
    limits: Limits | None = None,
    threads: int = 4,
    broker: MemoryBroker | None = None,
    holding: bool = False,
    store: MemoryStore | None = None,
) -> AsyncIterator[Machine]:
    """A running runner; at the end it is drained, or forgotten if a test crashed it."""
    made = Machine(broker or MemoryBroker(), store or MemoryStore())
    for name, call in (functions or {}).items():
        made.registry.add(name, call)
    made.source = MemorySource(made.broker)
    made.outlet = MemoryOutlet(made.broker, holding=holding)
    pool = Threads(threads)
    http = HttpClient(AllowList("127.0.0.1:*"))
    work = Work(registry=made.registry, threads=pool, blobs=Blobs(made.store), http=http, outlet=made.outlet)
    made.runner = Runner(
        sources=[made.source],
        cancels=MemoryCancels(made.broker),
        outlet=made.outlet,
        work=work,
        threads=pool,
        worker="runner.test",
        limits=limits or Limits(drain_s=0),
    )
    running = asyncio.create_task(made.runner.run(made.stop))
    try:
        yield made
        made.stop.set()
        await running
    finally:
        running.cancel()
        await http.close()
