"""A world around runs that answers, repeats, delays and interrupts as it likes, and checks every decision."""

from __future__ import annotations

import copy
from collections import Counter, deque
from typing import TYPE_CHECKING, Any

import msgspec

from engine.decide import Outcome, decide, replay
from engine.decision import Decision
from engine.effects import Job
from engine.events import NodeSucceeded
from engine.facts import (
    CancelRequested,
    ChildEnded,
    Fact,
    JobFailed,
    JobStarted,
    JobSucceeded,
    RunAdmitted,
    TimerFired,
    WorkContinued,
)
from engine.ids import place
from engine.state import ENDED, NodeState, NodeStatus, RunState
from storage.wire import decode, encode
from tests.support.machine import MAX_BYTES, MAX_EVENTS, JobError, Machine, Store

if TYPE_CHECKING:
    from random import Random

REPEATABLE = (RunAdmitted, CancelRequested, JobSucceeded, JobFailed, TimerFired, ChildEnded, WorkContinued)
"""What delivery at least once may bring a second time, at any later time."""

_state = msgspec.json.Decoder(NodeState)
_json = msgspec.json.encode


class World(Machine):
    """Runs with their logs apart, so that they may be read in any order among one another."""

    def __init__(self, random: Random, *, inline_limit: int) -> None:
        super().__init__({"f": self._work}, inline_limit=inline_limit)
        self.random = random
        self.logs: dict[str, deque[Fact]] = {}
        self.told: list[Fact] = []
        self.copies: dict[str, Store] = {}
        self.kept: dict[str, tuple[RunState, Store]] = {}
        self.job_ids: set[str] = set()
        self.parents: dict[str, str] = {}
        self.failures = random.choice([0.0, 0.05, 0.2, 0.5])
        self.interference = random.choice([0.0, 0.05, 0.2])
        self.cancels_allowed = random.random() < 0.3

    def _work(self, _input: object) -> object:
        if self.random.random() < self.failures:
            raise self.random.choice(
                [JobError(retryable=False), JobError(code="FATAL"), JobError(), JobError()]
            )
        return {"ok": self.random.random() < 0.7, "pad": "x" * self.random.choice([0, 60])}

    def tell(self, fact: Fact) -> Outcome:
        """Decide, and check all that holds of any decision."""
        run_id = fact.run_id
        before = copy.copy(self.stores.setdefault(run_id, Store()))
        again = decide(RunState(run_id, copy.copy(before), self.graphs), fact, self.now)
        assert self.stores[run_id] == before
        outcome = super().tell(fact)
        assert _json(again) == _json(outcome), "the same record, decided twice, has two outcomes"
        self._check_kept(fact, outcome)
        self._check_decision(fact, outcome)
        self._check_active(run_id)
        self._check_repeated(fact)
        self._check_family(fact)
        while self.log:
            effect = self.log.popleft()
            self.logs.setdefault(effect.run_id, deque()).append(effect)
        if isinstance(fact, REPEATABLE) and outcome.ignored is None:
            self.told.append(fact)
        return outcome

    def _check_kept(self, fact: Fact, outcome: Outcome) -> None:
        """A state that stays in memory from decision to decision is as good as one that is read anew."""
        run_id = fact.run_id
        if run_id not in self.kept:
            store = Store()
            self.kept[run_id] = RunState(run_id, store, self.graphs), store
        state, store = self.kept[run_id]
        assert _json(decide(state, fact, self.now)) == _json(outcome)
        state.flush()
        assert store == self.stores[run_id]
        # Now and then it forgets a part, as wide and heavy runs do.
        state.trim(12, 4000)

    def _check_decision(self, fact: Fact, outcome: Outcome) -> None:
        """The decision is bounded, survives the wire, and tells all that changed."""
        run_id = fact.run_id
        if outcome.events:
            decision = Decision(
                workspace="w",
                run_id=run_id,
                first_seq=outcome.first_seq,
                at=outcome.at,
                cause=encode(fact),
                partition=0,
                offset=0,
                events=outcome.events,
            )
            data = encode(decision)
            assert len(outcome.events) <= MAX_EVENTS
            assert len(data) <= MAX_BYTES
            read = decode(data)
            assert isinstance(read, Decision)
            self._follow(run_id, outcome.at, read)
        elif isinstance(fact, WorkContinued) and outcome.ignored is None:
            self._follow(run_id, outcome.at, None)
        assert self.copies.get(run_id, {}) == self.stores[run_id], "the log does not tell all that changed"

    def _follow(self, run_id: str, at: int, decision: Decision | None) -> None:
        state = RunState(run_id, self.copies.setdefault(run_id, Store()), self.graphs)
        replay(state, "w", at, [] if decision is None else decision.events)
        state.flush()

    def _check_active(self, run_id: str) -> None:
        live = sum(node.status.live for node in self._nodes(run_id))
        state = self.state(run_id)
        assert not state.known or state.header.active == live
        self._check_insides(run_id)

    def _check_insides(self, run_id: str) -> None:
        """A map or a loop counts what is under way inside."""
        nodes = {
            key.removeprefix("n/"): _state.decode(data)
            for key, data in self.stores[run_id].items()
            if key.startswith("n/") and "$" not in key
        }
        inside = Counter(
            place(path).owner
            for path, node in nodes.items()
            if path != place(path).owner and (node.status.live or node.resolving)
        )
        for path, node in nodes.items():
            if node.box is not None and self.state(run_id).header.status not in ENDED:
                assert node.box.live == inside[path], f"{path} counts {node.box.live} of {inside[path]}"

    def _perform(self, effect: object) -> None:
        if isinstance(effect, Job):
            assert effect.id not in self.job_ids, "two jobs have one id: a runner does the first alone"
            self.job_ids.add(effect.id)
        super()._perform(effect)

    def _check_family(self, fact: Fact) -> None:
        """A run ends after all its children."""
        if isinstance(fact, RunAdmitted) and fact.parent is not None:
            self.parents[fact.run_id] = fact.parent.run_id
        state = self.state(fact.run_id)
        if not state.known or state.header.status not in ENDED:
            return
        for child, parent in self.parents.items():
            if parent == fact.run_id:
                assert self.state(child).header.status in ENDED, f"{child} goes on after its parent"

    def _nodes(self, run_id: str) -> list[NodeState]:
        return [_state.decode(data) for key, data in self.stores[run_id].items() if key.startswith("n/")]

    def _check_repeated(self, fact: Fact) -> None:
        """The same record once more changes nothing."""
        store = copy.copy(self.stores[fact.run_id])
        state = RunState(fact.run_id, store, self.graphs)
        outcome = decide(state, fact, self.now)
        state.flush()
        assert outcome.events == []
        assert store == self.stores[fact.run_id]

    def go(self, steps: int) -> None:
        """Let anything happen, `steps` times."""
        for _ in range(steps):
            self._something()

    def _something(self) -> None:
        choice = self.random.random()
        if choice < self.interference:
            self._interfere()
        elif choice > 0.9 and self.told:
            self._repeat()
        elif choice > 0.8 and self.timers:
            self._fire_any()
        elif choice > 0.5 and self.jobs:
            self._answer(self._picked_job())
        elif any(self.logs.values()):
            self._next_fact()
        elif self.jobs:
            self._answer(self._picked_job())

    def _next_fact(self) -> None:
        waiting = [run_id for run_id, log in self.logs.items() if log]
        self.tell(self.logs[self.random.choice(waiting)].popleft())

    def _picked_job(self) -> Job:
        index = self.random.randrange(len(self.jobs))
        job = self.jobs[index]
        del self.jobs[index]
        return job

    def _answer(self, job: Job) -> None:
        log = self.logs.setdefault(job.run_id, deque())
        if self.random.random() < 0.2:
            started_at, worker = self.now, "t"
            log.append(
                JobStarted(
                    workspace="w",
                    run_id=job.run_id,
                    path=job.path,
                    attempt=job.attempt,
                    started_at=started_at,
                    worker=worker,
                )
            )
        log.append(self.do(job))

    def _fire_any(self) -> None:
        timer = self.timers.pop(self.random.randrange(len(self.timers)))
        self.now += self.random.randrange(30)
        self.logs.setdefault(timer.run_id, deque()).append(self.fired(timer))

    def _repeat(self) -> None:
        fact = self.random.choice(self.told)
        outcome = self.tell(fact)
        assert outcome.events == [] or isinstance(fact, WorkContinued), (fact, outcome.events)

    def _interfere(self) -> None:
        run_id = self.random.choice(sorted(self.stores))
        match self.random.randrange(8):
            case 0 if self.cancels_allowed:
                self.cancel(run_id, reply_to=0)
            case 1 | 2:
                self.pause(run_id, reply_to=0)
            case 3 | 4:
                self.resume(run_id, reply_to=0)
            case _:
                self.signal(self.random.choice(["s0", "s1"]), {"n": 1}, run_id=run_id)

    def finish_all(self, most: int = 20_000) -> None:
        """Answer everything until nothing is left to do; every run has to end by that."""
        for run_id in sorted(self.stores):
            self.resume(run_id)
        for _ in range(most):
            if any(self.logs.values()):
                self._next_fact()
            elif self.jobs:
                self._answer(self.jobs.popleft())
            elif self.timers:
                self._fire_any()
            elif not self._signal_all():
                return
        raise AssertionError("the runs do not come to an end")

    def _signal_all(self) -> bool:
        """Give those who wait for a signal one; whether anybody does."""
        waiting = [
            (run_id, node.box.signal)
            for run_id in sorted(self.stores)
            for node in self._nodes(run_id)
            if node.status is NodeStatus.WAITING and node.box is not None and node.box.signal is not None
        ]
        for run_id, name in waiting:
            self.signal(name, run_id=run_id)
        return bool(waiting)

    def check_ends(self) -> None:
        """What holds of runs that ended."""
        for run_id, store in self.stores.items():
            assert self.state(run_id).header.status in ENDED
            assert list(store) == ["h"], "more than the header is left of the run"
            assert self.replayed(run_id) == store
            done = [event.path for event in self.of(NodeSucceeded, run_id) if "$" not in event.path]
            assert len(done) == len(set(done)), "an instance succeeded twice"

    def values(self, payload: Any) -> object:  # noqa: ANN401 (a payload)
        return self.blobs.value(payload)
