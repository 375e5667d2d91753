"""A whole engine in memory: runs, their log, a world of jobs and timers that the test answers."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from engine.decide import Outcome, decide, replay
from engine.effects import ArmTimer, CancelJobs, Job, Reply
from engine.errors import NodeError
from engine.facts import Fact, JobFailed, JobSucceeded, RunAdmitted, TimerFired
from engine.graph import Graph, load_graph
from engine.model import canonical
from engine.operations import evaluate
from engine.operations.scope import build_scope
from engine.payload import Payload, Ref, inline, inline_json
from engine.state import NodeStatus, RunState

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import Event

RUN = "r0_test"
encode = msgspec.json.encode
decode = msgspec.json.decode


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

    def value(self, payload: Payload, index: int | None = None) -> Any:
        value = payload.value() if payload.ref is None else decode(self.blobs[payload.ref.sha256])
        return value if index is None else value[index]


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

    def start(
        self,
        workflow: dict[str, Any],
        inputs: object = None,
        *,
        run_id: str = RUN,
        run: bool = True,
        **kwargs: Any,
    ) -> None:
        digest = self.graphs.add(workflow)
        children = {name: name.removeprefix("definition:") for name in self.graphs.load(digest).children}
        children.update(kwargs.pop("children", {}))
        self.log.append(
            RunAdmitted(
                workspace="w",
                run_id=run_id,
                command_id="c1",
                author="user:t",
                graph=digest,
                children=children,
                inputs=self.blobs.payload(inputs),
                **kwargs,
            )
        )
        if run:
            self.run()

    def state(self, run_id: str = RUN) -> RunState:
        return RunState(run_id, self.stores.setdefault(run_id, Store()), self.graphs)

    def tell(self, fact: Fact) -> Outcome:
        """Decide on one fact, keep the state, collect the effects."""
        state = self.state(fact.run_id)
        outcome = decide(state, fact, self.now)
        state.flush()
        if outcome.events:
            self.events.setdefault(fact.run_id, []).extend(outcome.events)
            self.decisions.setdefault(fact.run_id, []).append((outcome.at, outcome.events))
        for effect in outcome.effects:
            self._perform(effect)
        return outcome

    def _perform(self, effect: object) -> None:
        match effect:
            case Job():
                self.jobs.append(effect)
            case ArmTimer():
                self.timers.append(effect)
            case CancelJobs():
                self.cancels.append(effect)
            case Reply():
                self.replies.append(effect)
            case _:
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

    def fire(self) -> None:
        timer = min(self.timers, key=lambda t: t.due_at)
        self.timers.remove(timer)
        self.now = max(self.now, timer.due_at)
        self.log.append(
            TimerFired(
                workspace=timer.workspace,
                run_id=timer.run_id,
                path=timer.path,
                attempt=timer.attempt,
                purpose=timer.purpose,
                due_at=timer.due_at,
            )
        )

    def do(self, job: Job) -> Fact:
        """Do a job as a runner does."""
        self.done_jobs.append(job)
        at = {"workspace": job.workspace, "run_id": job.run_id, "path": job.path, "attempt": job.attempt}
        times = {"started_at": self.now, "finished_at": self.now, "worker": "t"}
        try:
            output = self._output(job)
        except JobError as error:
            return JobFailed(
                **at, **times, error=NodeError(error.code, str(error)), retryable=error.retryable
            )
        return JobSucceeded(**at, **times, output=output)

    def _output(self, job: Job) -> Payload:
        scope = build_scope(
            (e.name, self.blobs.value(e.payload, e.index))
            for e in job.scope
            if e.name not in {"list", "element"}
        )
        if job.kind == "gather":
            gathered: list[Any] = []
            for entry in job.scope:
                value = self.blobs.value(entry.payload)
                gathered.extend(value if entry.name == "list" else [value])
            return self.blobs.payload(gathered)
        if job.kind == "evaluate":
            value = (
                scope["upstream"]
                if job.template is None
                else evaluate(job.operation or "", decode(job.template), scope)
            )
            if job.operation == "items":
                data = encode(value)
                ref = self.blobs.put(data)
                return inline({"count": len(value), "sha256": ref.sha256, "size": ref.size})
            return self.blobs.payload(value)
        if job.inputs is not None:
            inputs = self.blobs.value(job.inputs)
        elif job.template is not None:
            inputs = evaluate("template", decode(job.template), scope)
        else:
            inputs = scope["upstream"]
        return self.blobs.payload(self.functions[job.function or job.kind](inputs))

    def types(self, run_id: str = RUN) -> list[str]:
        return [type(event).__struct_config__.tag for event in self.events.get(run_id, [])]

    def last(self, run_id: str = RUN) -> Event:
        return self.events[run_id][-1]

    def output(self, run_id: str = RUN) -> Any:
        event = self.last(run_id)
        assert self.types(run_id)[-1] == "run.completed", event
        return self.blobs.value(event.output)

    def statuses(self, run_id: str = RUN) -> dict[str, NodeStatus]:
        """The last status of every node instance, as the events tell it."""
        after = {
            "node.scheduled": NodeStatus.QUEUED,
            "node.started": NodeStatus.RUNNING,
            "node.retrying": NodeStatus.RETRYING,
            "node.succeeded": NodeStatus.SUCCEEDED,
            "node.failed": NodeStatus.FAILED,
            "node.skipped": NodeStatus.SKIPPED,
            "node.cancelled": NodeStatus.CANCELLED,
        }
        found: dict[str, NodeStatus] = {}
        for kind, event in zip(self.types(run_id), self.events.get(run_id, []), strict=True):
            if kind in after:
                found[event.path] = after[kind]
        return found

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
