"""The engine in memory: runs, their log, a world of jobs and timers that the test answers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from engine.decide import Outcome, decide, replay
from engine.effects import ArmTimer, CancelJobs, Job, Reply
from engine.errors import NodeError
from engine.events import Event, RunCompleted
from engine.expressions import ExpressionError
from engine.facts import (
    CancelRequested,
    Fact,
    JobFailed,
    JobSucceeded,
    PauseRequested,
    ResumeRequested,
    RunAdmitted,
    SignalReceived,
    TimerFired,
    WorkContinued,
)
from engine.graph import Graph, load_graph
from engine.model import canonical
from engine.operations import evaluate
from engine.operations.scope import build_scope
from engine.payload import Payload, Ref, inline, inline_json
from engine.state import NodeStatus, RunState
from storage import wire

if TYPE_CHECKING:
    from collections.abc import Callable

RUN = "r0_test"
MAX_EVENTS = 200
MAX_BYTES = 256 * 1024
MAX_RECORD = 900_000
encode = msgspec.json.encode
decode = msgspec.json.decode
_E = TypeVar("_E")

AFTER = {
    "node.scheduled": NodeStatus.QUEUED,
    "node.started": NodeStatus.RUNNING,
    "node.retrying": NodeStatus.RETRYING,
    "node.succeeded": NodeStatus.SUCCEEDED,
    "node.failed": NodeStatus.FAILED,
    "node.skipped": NodeStatus.SKIPPED,
    "node.cancelled": NodeStatus.CANCELLED,
}


class Store(dict[str, bytes]):
    """The keys of one run."""

    def set(self, key: str, value: bytes) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        del self[key]


class Graphs:
    """Definitions by hash."""

    def __init__(self) -> None:
        self.definitions: dict[str, bytes] = {}

    def add(self, workflow: dict[str, Any]) -> str:
        text, digest = canonical(encode(workflow))
        self.definitions[digest] = text
        for child in load_graph(text, digest).children.values():
            if child is not None:
                self.add(decode(child))
        return digest

    def load(self, digest: str) -> Graph:
        return load_graph(self.definitions[digest], digest)


@dataclass
class Blobs:
    """A CAS for tests: sizes above `limit` bytes travel by reference."""

    limit: int = 16 * 1024
    blobs: dict[str, bytes] = field(default_factory=dict)

    def payload(self, value: object) -> Payload:
        data = encode(value)
        if len(data) <= self.limit:
            return inline_json(data)
        return Payload(ref=self.put(data))

    def put(self, data: bytes) -> Ref:
        name = f"{len(self.blobs):064x}"
        self.blobs[name] = data
        return Ref(name, len(data))

    def value(self, payload: Payload, index: int | None = None) -> Any:  # noqa: ANN401 (any JSON value)
        value = payload.value() if payload.ref is None else decode(self.blobs[payload.ref.sha256])
        return value if index is None else value[index]


def tag(event: Event) -> str:
    """The type of an event, as the log names it."""
    return str(type(event).__struct_config__.tag)


def path_of(event: Event) -> str:
    """The node instance that an event is about."""
    return str(getattr(event, "path", None) or "")


class Machine:
    """Drives runs. `functions` do the jobs of `function` nodes; raising `JobError` fails an attempt."""

    def __init__(
        self, functions: dict[str, Callable[..., Any]] | None = None, *, inline_limit: int = 16 * 1024
    ) -> None:
        self.functions = functions or {}
        self.graphs = Graphs()
        self.blobs = Blobs(inline_limit)
        self.stores: dict[str, Store] = {}
        self.log: deque[Fact] = deque()
        self.jobs: deque[Job] = deque()
        self.timers: list[ArmTimer] = []
        self.cancels: list[CancelJobs] = []
        self.replies: list[Reply] = []
        self.events: dict[str, list[Event]] = {}
        self.decisions: dict[str, list[tuple[int, list[Event]]]] = {}
        self.now = 1_000
        self.done_jobs: list[Job] = []
        self._commands = 0

    def admitted(
        self,
        workflow: dict[str, Any],
        inputs: object = None,
        *,
        run_id: str = RUN,
        command_id: str = "c1",
        children: dict[str, dict[str, Any]] | None = None,
        reply_to: int | None = None,
        priority: str | None = None,
    ) -> RunAdmitted:
        """What admission writes: `children` are the definitions of composites that name a workflow."""
        digest = self.graphs.add(workflow)
        known = {name: self.graphs.add(child) for name, child in (children or {}).items()}
        for graph in [digest, *known.values()]:
            names = self.graphs.load(graph).children
            known |= {
                name: name.removeprefix("definition:") for name in names if name.startswith("definition:")
            }
        return RunAdmitted(
            workspace="w",
            run_id=run_id,
            command_id=command_id,
            author="user:t",
            graph=digest,
            children=known,
            inputs=self.blobs.payload(inputs),
            reply_to=reply_to,
            priority=priority,
        )

    def start(
        self,
        workflow: dict[str, Any],
        inputs: object = None,
        *,
        run_id: str = RUN,
        children: dict[str, dict[str, Any]] | None = None,
        reply_to: int | None = None,
        priority: str | None = None,
    ) -> None:
        """Begin a run; nothing but its start is decided."""
        fact = self.admitted(
            workflow, inputs, run_id=run_id, children=children, reply_to=reply_to, priority=priority
        )
        self.tell(fact)

    def begin(
        self,
        workflow: dict[str, Any],
        inputs: object = None,
        *,
        children: dict[str, dict[str, Any]] | None = None,
    ) -> None:
        """Begin a run and go on until nothing is left to do."""
        self.start(workflow, inputs, children=children)
        self.run()

    def state(self, run_id: str = RUN) -> RunState:
        return RunState(run_id, self.stores.setdefault(run_id, Store()), self.graphs)

    def tell(self, fact: Fact) -> Outcome:
        """Decide on one fact, keep the state, collect the effects."""
        state = self.state(fact.run_id)
        known = state.header.seq if state.known else 0
        outcome = decide(state, fact, self.now)
        state.flush()
        if outcome.events:
            assert outcome.first_seq == known + 1
            assert len(outcome.events) <= MAX_EVENTS
            assert sum(len(encode(event)) for event in outcome.events) <= MAX_BYTES
            assert state.header.seq == known + len(outcome.events)
            assert state.header.active >= 0
            self.events.setdefault(fact.run_id, []).extend(outcome.events)
        if outcome.events or (isinstance(fact, WorkContinued) and outcome.ignored is None):
            # Without events: a part of the clean-up of an ended run, which the log does not tell.
            self.decisions.setdefault(fact.run_id, []).append((outcome.at, outcome.events))
        for effect in outcome.effects:
            self._perform(effect)
        return outcome

    def _perform(self, effect: object) -> None:
        match effect:
            case Job():
                assert len(wire.encode(effect)) <= MAX_RECORD
                self.jobs.append(effect)
            case ArmTimer():
                self.timers.append(effect)
            case CancelJobs():
                self.cancels.append(effect)
            case Reply():
                self.replies.append(effect)
            case _:
                assert isinstance(effect, Fact)
                self.log.append(effect)

    def run(self, *, timers: bool = True) -> None:
        """Go on until nothing is left to do: facts first, then jobs, then timers in order of time."""
        while True:
            if self.log:
                self.tell(self.log.popleft())
            elif self.jobs:
                self.log.append(self.do(self.jobs.popleft()))
            elif timers and self.timers:
                self.fire()
            else:
                return

    def settle(self) -> None:
        """Decide on every fact that is in the logs; jobs and timers stay."""
        while self.log:
            self.tell(self.log.popleft())

    def fire(self) -> None:
        """Let the earliest timer fire."""
        timer = min(self.timers, key=lambda t: t.due_at)
        self.timers.remove(timer)
        self.now = max(self.now, timer.due_at)
        self.log.append(self.fired(timer))

    def fired(self, timer: ArmTimer) -> TimerFired:
        return TimerFired(
            workspace=timer.workspace,
            run_id=timer.run_id,
            path=timer.path,
            attempt=timer.attempt,
            purpose=timer.purpose,
            due_at=timer.due_at,
        )

    def do(self, job: Job) -> JobSucceeded | JobFailed:
        """Do a job as a runner does."""
        self.done_jobs.append(job)
        try:
            output = self._output(job)
        except JobError as error:
            return self.failed(job, error)
        return self.succeeded(job, output)

    def succeeded(self, job: Job, output: Payload) -> JobSucceeded:
        return JobSucceeded(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            output=output,
            started_at=self.now,
            finished_at=self.now,
            worker="t",
        )

    def failed(self, job: Job, error: JobError) -> JobFailed:
        return JobFailed(
            workspace=job.workspace,
            run_id=job.run_id,
            path=job.path,
            attempt=job.attempt,
            error=NodeError(error.code, str(error)),
            retryable=error.retryable,
            started_at=self.now,
            finished_at=self.now,
            worker="t",
        )

    def take_job(self, path: str) -> Job:
        """Take the queued job of a node instance."""
        job = next(job for job in self.jobs if job.path == path)
        self.jobs.remove(job)
        return job

    def finish(self, path: str) -> None:
        """Do the queued job of a node instance and decide on what follows."""
        self.tell(self.do(self.take_job(path)))
        self.settle()

    def command(self) -> str:
        self._commands += 1
        return f"command-{self._commands}"

    def cancel(self, run_id: str = RUN, *, reply_to: int | None = None) -> Outcome:
        fact = CancelRequested(
            workspace="w",
            run_id=run_id,
            command_id=self.command(),
            author="user:t",
            reason="changed my mind",
            reply_to=reply_to,
        )
        return self.tell(fact)

    def pause(self, run_id: str = RUN, *, reply_to: int | None = None) -> Outcome:
        fact = PauseRequested(
            workspace="w", run_id=run_id, command_id=self.command(), author="user:t", reply_to=reply_to
        )
        return self.tell(fact)

    def resume(self, run_id: str = RUN, *, reply_to: int | None = None) -> Outcome:
        fact = ResumeRequested(
            workspace="w", run_id=run_id, command_id=self.command(), author="user:t", reply_to=reply_to
        )
        return self.tell(fact)

    def signal(
        self,
        name: str,
        payload: object = None,
        *,
        run_id: str = RUN,
        command_id: str | None = None,
        reply_to: int | None = None,
    ) -> Outcome:
        fact = SignalReceived(
            workspace="w",
            run_id=run_id,
            command_id=command_id or self.command(),
            author="user:t",
            name=name,
            payload=self.blobs.payload(payload),
            reply_to=reply_to,
        )
        return self.tell(fact)

    def _output(self, job: Job) -> Payload:
        if job.kind == "gather":
            return self.blobs.payload(self._gathered(job))
        scope = build_scope((entry.name, self.blobs.value(entry.payload, entry.index)) for entry in job.scope)
        if job.kind == "evaluate":
            if job.template is None:
                return self.blobs.payload(scope["upstream"])
            value = self._evaluated(job.operation or "", job.template, scope)
            if job.operation != "items":
                return self.blobs.payload(value)
            ref = self.blobs.put(encode(value))
            return inline({"count": len(value), "sha256": ref.sha256, "size": ref.size})
        if job.inputs is not None:
            inputs = self.blobs.value(job.inputs)
        elif job.template is not None:
            inputs = self._evaluated("template", job.template, scope)
        else:
            inputs = scope["upstream"]
        return self.blobs.payload(self.functions[job.function or job.kind](inputs))

    def _gathered(self, job: Job) -> list[Any]:
        gathered: list[Any] = []
        for entry in job.scope:
            value = self.blobs.value(entry.payload)
            gathered.extend(value if entry.name == "list" else [value])
        return gathered

    def _evaluated(self, operation: str, template: bytes, scope: dict[str, Any]) -> Any:  # noqa: ANN401
        try:
            return evaluate(operation, decode(template), scope)
        except ExpressionError as error:
            raise JobError(error.message, code=error.code, retryable=False) from error

    def of(self, kind: type[_E], run_id: str = RUN) -> list[_E]:
        """The run's events of one kind."""
        return [event for event in self.events.get(run_id, []) if isinstance(event, kind)]

    def types(self, run_id: str = RUN) -> list[str]:
        return [tag(event) for event in self.events.get(run_id, [])]

    def story(self, run_id: str = RUN) -> list[str]:
        """The events as `type path`, for whole-run comparisons."""
        return [f"{tag(event)} {path_of(event)}".strip() for event in self.events.get(run_id, [])]

    def last(self, run_id: str = RUN) -> Event:
        return self.events[run_id][-1]

    def output(self, run_id: str = RUN) -> Any:  # noqa: ANN401 (any JSON value)
        event = self.last(run_id)
        assert isinstance(event, RunCompleted), event
        return self.blobs.value(event.output)

    def job_input(self, path: str) -> Any:  # noqa: ANN401 (any JSON value)
        """The input that the last job of a node instance got."""
        job = [job for job in (*self.jobs, *self.done_jobs) if job.path == path][-1]
        assert job.inputs is not None
        return self.blobs.value(job.inputs)

    def statuses(self, run_id: str = RUN) -> dict[str, NodeStatus]:
        """The last status of every node instance, as the events tell it."""
        events = self.events.get(run_id, [])
        return {path_of(event): AFTER[tag(event)] for event in events if tag(event) in AFTER}

    def replayed(self, run_id: str = RUN) -> Store:
        """A store made of the recorded decisions alone."""
        store = Store()
        for at, events in self.decisions.get(run_id, []):
            state = RunState(run_id, store, self.graphs)
            replay(state, "w", at, events)
            state.flush()
        return store


class JobError(Exception):
    """A job's failure."""

    def __init__(
        self, message: str = "boom", *, code: str = "FUNCTION_ERROR", retryable: bool = True
    ) -> None:
        super().__init__(message)
        self.code = code
        self.retryable = retryable
