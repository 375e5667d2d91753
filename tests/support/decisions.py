"""Decisions as the coordinator would send them, for tests of what reads them."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from engine import events
from engine.decision import Decision
from engine.facts import JobSucceeded, RunAdmitted
from engine.payload import NULL, Payload, inline
from storage.postgres.batch import Arrival
from storage.wire import encode
from storage.wire.peek import RawDecision, peek_decision

if TYPE_CHECKING:
    from collections.abc import Iterable

    from engine.events import Event

TOPIC = "workflow.events"
WORKSPACE = "default"


def started(workflow: str | None = "flow", **fields: object) -> events.RunStarted:
    values: dict[str, object] = {
        "graph": "a" * 64,
        "inputs": inline({"n": 1}),
        "decide_version": 1,
        "workflow": workflow,
        "version": None if workflow is None else 1,
        "author": "user:ann",
        "command_id": "c1",
        "requested_at": 500,
    }
    return events.RunStarted(**values | fields)  # type: ignore[arg-type]


def scheduled(path: str, attempt: int = 1, node_type: str = "function") -> events.NodeScheduled:
    return events.NodeScheduled(path=path, attempt=attempt, node_type=node_type)


def succeeded(path: str, output: Payload = NULL, attempt: int = 1) -> events.NodeSucceeded:
    return events.NodeSucceeded(
        path=path, attempt=attempt, output=output, started_at=1000, finished_at=1001, edges=[True]
    )


class Run:
    """Numbers the decisions of one run."""

    def __init__(self, run_id: str, workspace: str = WORKSPACE) -> None:
        self.run_id = run_id
        self.workspace = workspace
        self.seq = 0
        self.at = 1000
        self.decided = 0

    def decide(self, *decided: Event) -> RawDecision:
        """The next decision; each one is 10 ms later."""
        first_seq = self.seq + 1
        self.seq += len(decided)
        self.at += 10
        self.decided += 1
        return raw(self.workspace, self.run_id, first_seq, list(decided), self.at, self.decided)

    def chain(self, nodes: int, output: Payload = NULL) -> list[RawDecision]:
        """A whole run of nodes in a row."""
        names = [f"n{number}" for number in range(nodes)]
        steps = [self.decide(started(), scheduled(names[0]))]
        for name, following in pairwise(names):
            steps.append(self.decide(succeeded(name, output), scheduled(following)))
        steps.append(self.decide(succeeded(names[-1], output), events.RunCompleted(output=output)))
        return steps


def raw(
    workspace: str, run_id: str, first_seq: int, decided: list[Event], at: int = 1000, offset: int = 0
) -> RawDecision:
    cause: RunAdmitted | JobSucceeded
    if first_seq == 1:
        cause = RunAdmitted(
            workspace=workspace, run_id=run_id, command_id="c1", author="user:ann", graph="a" * 64
        )
    else:
        cause = JobSucceeded(
            workspace=workspace,
            run_id=run_id,
            path="n",
            attempt=1,
            output=inline({"n": 1}),
            started_at=at,
            finished_at=at,
            worker="w",
        )
    decision = Decision(
        workspace=workspace,
        run_id=run_id,
        first_seq=first_seq,
        at=at,
        cause=encode(cause),
        partition=0,
        offset=offset,
        events=decided,
    )
    return peek_decision(encode(decision))


def arrivals(
    decisions: Iterable[RawDecision], first_offset: int = 0, partition: int = 0, topic: str = TOPIC
) -> list[Arrival]:
    """Decisions as they come from one partition, at offsets in a row."""
    return [
        Arrival(topic, partition, offset, decision) for offset, decision in enumerate(decisions, first_offset)
    ]
