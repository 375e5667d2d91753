"""`coordinator`: the log of each run becomes decisions.

    node.results ──► decide (pure, engine/) ──► run state (RocksDB, changelog)
                        │
                        ├──► workflow.events      the decision: the fact and its events
                        ├──► node.jobs.*, node.cancels, timers, command.replies
                        ├──► node.results         facts for itself, for child runs and parents
                        └──► dead.letters         what is no fact, or could not be decided on

Decide, apply and encode work on values; only then is state written, and then the outputs are handed over.
State, changelog and offsets commit together; outputs leave at once and are confirmed before that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog
from quixstreams import message_context

from engine.decide import decide
from engine.decision import Decision
from engine.effects import ArmTimer, CancelJobs, Effect, Job, Reply
from engine.facts import Fact
from storage.cas import open_store
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
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.state.definitions import Definitions
from streams.state.run_cache import RunCache

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.dataframe import StreamingDataFrame
    from quixstreams.models import HeadersTuples
    from quixstreams.state import State

    from engine.decide import Outcome
    from streams.runtime.settings import StreamSettings

PROCESSOR = "coordinator"
COMMIT_INTERVAL_S = 0.5

log = structlog.get_logger(__name__)


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings) -> Topology:
    """The topology."""
    application = make_application(settings, PROCESSOR, transactional=True, commit_interval=COMMIT_INTERVAL_S)
    facts = application.topic(NODE_RESULTS, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(facts)
    coordinator = Coordinator(RunCache(Definitions(open_store(settings)), partition_stores(dataframe)))
    sink_outputs(dataframe.apply(coordinator.handle, stateful=True, expand=True, metadata=True), settings)
    return Topology(application, dataframe)


def partition_stores(dataframe: StreamingDataFrame) -> Callable[[int], object]:
    """Partition -> its open store, another object each time that the partition is assigned."""
    manager, stream_id = dataframe.processing_context.state_manager, dataframe.stream_id

    def store_of(partition: int) -> object:
        return manager.get_store(stream_id, DEFAULT_STORE).partitions.get(partition)

    return store_of


class Coordinator:
    """What is done with a record of `node.results`."""

    def __init__(self, runs: RunCache) -> None:
        self._runs = runs

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
        context = message_context()
        run_state = self._runs.take(context.partition, fact.run_id, state)
        try:
            outcome = decide(run_state, fact, timestamp)
            outputs = [_output(effect) for effect in outcome.effects]
            if outcome.events:
                outputs.append(_decision(fact, outcome, value, context.partition, context.offset))
        except Exception as error:
            # An error of ours, in one run. Its record is laid aside whole and the other runs go on.
            log.exception("a fact could not be decided on", run_id=fact.run_id, fact=type(fact).__name__)
            reason = f"{type(error).__name__}: {error}"
            return [
                dead_letter(PROCESSOR, value, key, timestamp, headers, code="DECISION_FAILED", reason=reason)
            ]
        run_state.flush()
        self._runs.keep(context.partition, run_state)
        return outputs


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


def _decision(fact: Fact, outcome: Outcome, cause: bytes, partition: int, offset: int) -> Output:
    decision = Decision(
        workspace=fact.workspace,
        run_id=fact.run_id,
        first_seq=outcome.first_seq,
        at=outcome.at,
        cause=cause,
        partition=partition,
        offset=offset,
        events=outcome.events,
    )
    return Output(WORKFLOW_EVENTS, fact.run_id.encode(), encode(decision))


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
