"""What the coordinator does when a fact cannot be decided on: wait, end the run, or end itself."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, cast

import pytest
from quixstreams.context import copy_context, set_message_context
from quixstreams.models import MessageContext

from engine.decision import Decision
from engine.effects import Reply
from engine.events import RunFailed, RunRejected
from engine.facts import ChildEnded, JobSucceeded, WorkContinued
from engine.facts.parent import Parent
from engine.payload import inline
from storage.cas import BlobMissing, CasUnavailable
from storage.kafka.topics import DEAD_LETTERS
from storage.wire import Record, decode, encode
from streams.runtime.pauses import NotNow
from streams.state.definitions import REST_S, Definitions
from streams.state.ended_runs import PREFIX, EndedRuns
from streams.state.run_cache import RunCache
from streams.state.run_store import StateUnreadable
from streams.topologies.coordinator import Coordinator
from tests.support.machine import RUN, Machine
from tests.unit.engine.build import flow, fn
from tests.unit.streams.keys import Keys

if TYPE_CHECKING:
    from quixstreams.state import State

    from engine.facts import Fact
    from engine.graph import Graph
    from storage.cas import ContentStore

PARTITION = 3
KEEP_MS = 10_000


class World:
    """A coordinator whose graphs may fail to load; `restart` forgets what it remembers."""

    def __init__(self) -> None:
        self.machine = Machine()
        self.states: defaultdict[bytes, State[str, bytes]] = defaultdict(
            lambda: cast("State[str, bytes]", Keys())
        )
        self.keys = cast("Keys", self.states[RUN.encode()])
        self.error: Exception | None = None
        self.restart()

    def restart(self) -> None:
        store = object()
        self._coordinator = Coordinator(
            RunCache(self, lambda _: store),
            EndedRuns(lambda _: store, lambda _, prefix: self.states[prefix], KEEP_MS),
        )

    def load(self, digest: str) -> Graph:
        if self.error is not None:
            raise self.error
        return self.machine.graphs.load(digest)

    def tell(self, fact: Fact, offset: int = 7) -> list[tuple[str, Record]]:
        """The outputs, decoded, by topic."""

        def handle() -> list[tuple[str, Record]]:
            set_message_context(MessageContext("node.results", PARTITION, offset, 1))
            state = self.states[fact.run_id.encode()]
            outputs = self._coordinator.handle(encode(fact), fact.run_id.encode(), 1000, [], state)
            return [(output.topic, decode(output.value)) for output in outputs]

        return copy_context().run(handle)

    def begin(self, reply_to: int | None = None) -> None:
        """A run of two nodes, the first of which is under way; remembered by nobody."""
        self.tell(self.machine.admitted(flow([fn("a"), fn("b")], "a > b"), {}, reply_to=reply_to))
        self.restart()


@pytest.fixture
def world() -> World:
    return World()


def done(path: str) -> JobSucceeded:
    return JobSucceeded(
        workspace="w",
        run_id=RUN,
        path=path,
        attempt=1,
        output=inline(1),
        started_at=1,
        finished_at=1,
        worker="t",
    )


def test_without_the_cas_the_fact_waits_and_nothing_is_written(world: World) -> None:
    world.begin()
    before = dict(world.keys)
    world.error = CasUnavailable("the folder is gone")
    with pytest.raises(NotNow) as caught:
        world.tell(done("a"), offset=41)
    place = caught.value.place
    assert (place.topic, place.partition, place.offset) == ("node.results", PARTITION, 41)
    assert world.keys == before
    world.error = None
    outputs = world.tell(done("a"), offset=41)
    assert [type(record).__name__ for _, record in outputs] == ["Job", "Decision"]


@pytest.mark.parametrize("error", [MemoryError(), OSError("the disk is full"), StateUnreadable("rotten")])
def test_what_is_wrong_with_the_machine_ends_the_process(world: World, error: Exception) -> None:
    world.begin()
    world.error = error
    with pytest.raises(type(error)):
        world.tell(done("a"))


def test_an_error_of_the_local_store_ends_the_process(world: World) -> None:
    world.begin()
    world.keys.error = Exception("Corruption: block checksum mismatch")
    with pytest.raises(StateUnreadable):
        world.tell(done("a"))


@pytest.mark.parametrize("error", [BlobMissing("there is no blob"), KeyError("a bug")])
def test_a_fact_that_cannot_be_decided_on_ends_its_run(world: World, error: Exception) -> None:
    world.begin(reply_to=2)
    world.error = error
    outputs = world.tell(done("a"))
    assert [topic for topic, _ in outputs] == [
        DEAD_LETTERS,
        "command.replies",
        "node.results",
        "workflow.events",
    ]
    _, (_, reply), (_, clean_up), (_, decision) = outputs
    assert isinstance(reply, Reply)
    assert b"INTERNAL_ERROR" in (reply.body or b"")
    assert isinstance(decision, Decision)
    (event,) = decision.events
    assert isinstance(event, RunFailed)
    assert event.error.code == "INTERNAL_ERROR"
    assert "JobSucceeded" in event.error.message
    world.error = None
    world.restart()
    assert world.tell(done("a")) == []
    assert isinstance(clean_up, WorkContinued)
    assert world.tell(clean_up) == []
    assert list(world.keys) == ["h"]


def test_a_start_that_cannot_be_decided_on_is_rejected_and_its_parent_hears(world: World) -> None:
    fact = world.machine.admitted(flow([fn("a")]), {})
    world.error = BlobMissing("there is no blob")
    parent = Parent(run_id="r0_parent", path="sub", attempt=2)
    fact = type(fact)(
        workspace="w",
        run_id=RUN,
        command_id="c",
        author="user:t",
        graph=fact.graph,
        workflow="test",
        parent=parent,
    )
    outputs = world.tell(fact)
    (_, letter), (_, told), (_, decision) = outputs
    assert type(letter).__name__ == "DeadLetter"
    assert isinstance(told, ChildEnded)
    assert (told.run_id, told.path, told.attempt, told.status) == ("r0_parent", "sub", 2, "REJECTED")
    assert isinstance(decision, Decision)
    assert isinstance(decision.events[0], RunRejected)
    assert decision.first_seq == 1


class Away:
    """A store that does not answer; counts how often it was asked."""

    def __init__(self) -> None:
        self.asked = 0

    def get(self, ref: object) -> bytes:
        del ref
        self.asked += 1
        raise CasUnavailable("no answer")


def test_a_cas_that_is_away_is_asked_once_for_all_partitions() -> None:
    now, store = 100.0, Away()
    definitions = Definitions(cast("ContentStore", store), patient=False, clock=lambda: now)
    for digest in ("a", "b", "c"):
        with pytest.raises(CasUnavailable):
            definitions.load(digest)
    assert store.asked == 1
    now += REST_S
    with pytest.raises(CasUnavailable):
        definitions.load("a")
    assert store.asked == 2


def test_an_end_is_noted_once(world: World) -> None:
    world.begin()
    world.tell(done("a"))
    assert PREFIX not in world.states
    world.tell(done("b"))
    world.tell(done("b"))
    keys = cast("Keys", world.states[PREFIX])
    assert dict(keys) == {"0": b'["r0_test",1000]', "q": b"[0,1]"}
    assert len(world.keys["h"]) < 100
