"""`coordinator`: the log of each run becomes decisions.

    node.results ──► decide (pure, engine/) ──► run state (RocksDB, changelog)
                        │
                        ├──► workflow.events      the decision: the fact and its events
                        ├──► node.jobs.*, node.cancels, timers, command.replies
                        ├──► node.results         facts for itself, for child runs and parents
                        └──► dead.letters         what is no fact, or could not be decided on

Decide, apply and encode work on values; only then is state written, and then the outputs are handed over.
State, changelog and offsets commit together; outputs leave at once and are confirmed before that.

While the CAS does not answer, a partition waits at the first fact that needs a graph. A fact that cannot be
decided on is laid aside and ends its run as INTERNAL_ERROR. What is wrong with this process or its machine
(memory, disk, local state) ends the process, uncommitted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from quixstreams import message_context

from engine.decide import decide
from engine.decision import Decision
from engine.effects import ArmTimer, CancelJobs, Effect, Job, Reply
from engine.facts import Fact
from engine.give_up import give_up
from engine.state import ENDED
from storage.cas import CasUnavailable, open_store
from storage.kafka.changelogs import DEFAULT_STORE
from storage.kafka.topics import (
    COMMAND_REPLIES,
    NODE_CANCELS,
    NODE_RESULTS,
    TIMERS,
    WORKFLOW_EVENTS,
    job_topic,
)
from storage.wire import WireError, decode, encode
from streams.runtime.application import make_application
from streams.runtime.dead_letters import dead_letter, unusable
from streams.runtime.outputs import Output, sink_outputs
from streams.runtime.pauses import NotNow
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.runtime.ticks import every
from streams.state.definitions import REST_S, Definitions
from streams.state.ended_runs import EndedRuns
from streams.state.run_cache import RunCache
from streams.state.run_store import StateUnreadable

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.dataframe import StreamingDataFrame
    from quixstreams.models import HeadersTuples
    from quixstreams.state import State

    from engine.decide import Outcome
    from engine.state import RunState
    from streams.runtime.settings import StreamSettings

PROCESSOR = "coordinator"
COMMIT_INTERVAL_S = 0.5
EXPIRE_EVERY_S = 0.1
MOST_EXPIRED = 200
"""Markers of ended runs that are removed at a time, a partition."""

_NOT_OF_THE_FACT = (MemoryError, OSError, StateUnreadable)
"""Errors that the same fact may not meet elsewhere or later."""

log = structlog.get_logger(__name__)


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings) -> Topology:
    """The topology."""
    application = make_application(settings, PROCESSOR, transactional=True, commit_interval=COMMIT_INTERVAL_S)
    facts = application.topic(NODE_RESULTS, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(facts)
    stores = partition_stores(dataframe)
    runs = RunCache(Definitions(open_store(settings), patient=False), stores)
    ended = EndedRuns(stores, partition_states(dataframe), settings.ended_run_marker_hours * 3_600_000)
    coordinator = Coordinator(runs, ended)
    every(dataframe, EXPIRE_EVERY_S, lambda: ended.expire(MOST_EXPIRED))
    sink_outputs(dataframe.apply(coordinator.handle, stateful=True, metadata=True), settings)
    return Topology(application, dataframe)


def partition_stores(dataframe: StreamingDataFrame) -> Callable[[int], object]:
    """Partition -> its open store, another object each time that the partition is assigned."""
    manager, stream_id = dataframe.processing_context.state_manager, dataframe.stream_id

    def store_of(partition: int) -> object:
        return manager.get_store(stream_id, DEFAULT_STORE).partitions.get(partition)

    return store_of


def partition_states(dataframe: StreamingDataFrame) -> Callable[[int, bytes], State[str, bytes]]:
    """Partition and prefix -> the keys under it, in the transaction that is open now."""
    context, stream_id = dataframe.processing_context, dataframe.stream_id

    def state_of(partition: int, prefix: bytes) -> State[str, bytes]:
        return context.checkpoint.get_store_transaction(stream_id, partition).as_state(prefix=prefix)

    return state_of


class Coordinator:
    """What is done with a record of `node.results`: `runs` are changed, `ended` hears of their ends."""

    def __init__(self, runs: RunCache, ended: EndedRuns) -> None:
        self._runs = runs
        self._ended = ended

    def handle(
        self,
        value: bytes,
        key: bytes | None,
        timestamp: int,
        headers: HeadersTuples,
        state: State[str, bytes],
    ) -> list[Output]:
        """Decide on a fact. Nothing is written to `state` before everything is decided and encoded."""
        try:
            fact = _read(value, key)
        except ValueError as error:
            return [unusable(PROCESSOR, value, key, timestamp, headers, error)]
        partition = message_context().partition
        run = self._runs.take(partition, fact.run_id, state)
        try:
            outputs = _encoded(fact, decide(run, fact, timestamp), value)
        except CasUnavailable as error:
            raise NotNow(str(error), REST_S) from error
        except _NOT_OF_THE_FACT:
            raise
        except Exception as error:
            log.exception("a fact could not be decided on", run_id=fact.run_id, fact=type(fact).__name__)
            reason = f"{type(error).__name__}: {error}"
            letter = dead_letter(
                PROCESSOR, value, key, timestamp, headers, code="DECISION_FAILED", reason=reason
            )
            # Not the run that failed half-way: what is remembered of it was forgotten when it was taken.
            run = self._runs.take(partition, fact.run_id, state)
            outputs = [letter, *_given_up(run, fact, timestamp, value, error)]
            if len(outputs) == 1:
                return outputs
        run.flush()
        self._runs.keep(partition, run)
        if outputs and outputs[-1].topic == WORKFLOW_EVENTS and run.header.status in ENDED:
            self._ended.add(partition, run.run_id, run.header.at)
        return outputs


def _given_up(run: RunState, fact: Fact, at: int, cause: bytes, error: Exception) -> list[Output]:
    """What ends the run that the fact belongs to; nothing when it has ended, or even that does not work."""
    reason = f"{type(fact).__name__} could not be decided on: {error}"
    try:
        return _encoded(fact, give_up(run, fact, at, reason), cause)
    except _NOT_OF_THE_FACT:
        raise
    except Exception:
        log.exception("a run could not be ended: it hangs", run_id=fact.run_id)
        return []


def _read(value: bytes, key: bytes | None) -> Fact:
    """The fact; ValueError with the reason when there is none."""
    try:
        fact = decode(value)
    except WireError as error:
        raise ValueError(str(error)) from error
    if not isinstance(fact, Fact):
        raise ValueError(f"a {type(fact).__name__} is no fact of a run")  # noqa: TRY004 (a wrong record, not a bug)
    if key is None or key != fact.run_id.encode():
        raise ValueError(f"the key is not the run id {fact.run_id!r}")
    return fact


def _encoded(fact: Fact, outcome: Outcome, cause: bytes) -> list[Output]:
    """What leaves: the effects, and the decision when there were events."""
    outputs = [_output(effect) for effect in outcome.effects]
    if outcome.events:
        place = message_context()
        decision = Decision(
            workspace=fact.workspace,
            run_id=fact.run_id,
            first_seq=outcome.first_seq,
            at=outcome.at,
            cause=cause,
            partition=place.partition,
            offset=place.offset,
            events=outcome.events,
        )
        outputs.append(Output(WORKFLOW_EVENTS, fact.run_id.encode(), encode(decision)))
    return outputs


def _output(effect: Effect) -> Output:
    """Where an effect goes."""
    if isinstance(effect, Job):
        return Output(job_topic(effect.queue, effect.priority), effect.id.encode(), encode(effect))
    if isinstance(effect, Reply):
        return Output(COMMAND_REPLIES, effect.command_id.encode(), encode(effect), None, effect.reply_to)
    topic = (
        TIMERS
        if isinstance(effect, ArmTimer)
        else NODE_CANCELS
        if isinstance(effect, CancelJobs)
        else NODE_RESULTS
    )
    return Output(topic, effect.run_id.encode(), encode(effect))
