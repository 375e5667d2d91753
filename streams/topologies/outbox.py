"""`outbox`: decisions into Postgres, exactly once.

    workflow.events ──► buffer ──► one Postgres transaction: rows, and the offsets they came from
                          └──────► dead.letters (what is no record of ours, or cannot be shown as it is)

Postgres's offsets count: an assigned partition goes on from them. Kafka's are a copy, for what watches lag.
A batch is written when the log is drained, when it is full, or when its first record waits for 50 ms.
"""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from confluent_kafka import TopicPartition
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from quixstreams import message_context
from quixstreams.sinks import BaseSink, SinkBackpressureError

from engine.dead_letter import DeadLetter
from engine.workflow_versioned import WorkflowVersioned
from storage.dead_letters import as_record
from storage.kafka.changelogs import group_of
from storage.kafka.topics import DEAD_LETTERS, WORKFLOW_EVENTS
from storage.postgres.batch import Arrival
from storage.postgres.errors import DatabaseUnavailable, Hole
from storage.postgres.projection import Projection
from storage.wire import WireError
from storage.wire.peek import RawDecision, peek
from streams.runtime.application import make_application
from streams.runtime.dead_letters import dead_letter
from streams.runtime.outputs import Output, Outputs
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.runtime.ticks import every

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.models import HeadersTuples
    from quixstreams.processing import ProcessingContext

    from storage.postgres.batch import Partition, Projecting
    from streams.runtime.settings import StreamSettings

logger = logging.getLogger(__name__)

PROCESSOR = "outbox"
MOST_ARRIVALS = 1000
LONGEST_WAIT_S = 0.05
SHORTEST_GAP_S = 0.01
"""Between writes because the log is drained: under load that happens after nearly every record."""

GATHER_MS = 25
"""How long a fetch waits for more decisions: the read model is a batch behind anyhow."""

COPY_OFFSETS_EVERY_S = 1.0
FIRST_BACKOFF_S = 0.25
LONGEST_BACKOFF_S = 10.0

_PATIENCE = {"connect_timeout": "5", "tcp_user_timeout": "10000"}


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings) -> Topology:
    """The topology. It connects to Postgres when partitions are assigned."""
    # A database that is not there must not hold up the loop: the group would count us out.
    dsn = settings.postgres_dsn.get_secret_value()
    patience = {name: value for name, value in _PATIENCE.items() if name not in conninfo_to_dict(dsn)}
    projection = Projection(make_conninfo(dsn, **patience), group_of(PROCESSOR))
    outputs = Outputs(settings)
    outbox = Outbox(projection, outputs)
    application = make_application(
        settings,
        PROCESSOR,
        transactional=False,
        commit_interval=COPY_OFFSETS_EVERY_S,
        # An idle loop turns this often: a batch that came too soon after the last waits no longer.
        poll_timeout=SHORTEST_GAP_S,
        start_offset=outbox.take,
        gather_ms=GATHER_MS,
    )
    events = application.topic(WORKFLOW_EVENTS, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(events)
    dataframe.sink(outbox)
    every(dataframe, 0, lambda: outbox.write_when_due(dataframe.processing_context))
    return Topology(application, dataframe)


class Outbox(BaseSink):
    """Collects what arrives and writes it in batches.

    While Postgres does not answer, the partitions are paused and the group's membership is kept up; what was
    collected is dropped and read again.
    """

    def __init__(
        self, projection: Projecting, outputs: Outputs, clock: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(on_client_connect_success=lambda: None)
        self._projection = projection
        self._outputs = outputs
        self._clock = clock
        self._arrivals: list[Arrival] = []
        self._dead_letters = 0
        self._first_at = 0.0
        self._written_at = 0.0
        # The last offset that was collected, and the next one that is to be written.
        self._collected: dict[Partition, int] = {}
        self._next: dict[Partition, int] = {}
        self._unavailable: DatabaseUnavailable | None = None
        self._backoff_s = FIRST_BACKOFF_S

    def take(self, topic: str, partition: int) -> int | None:
        """Where to go on with an assigned partition; None while Postgres does not answer."""
        try:
            offset = self._projection.next_offset(topic, partition)
        except DatabaseUnavailable as error:
            logger.warning("%s", error)
            self._next.clear()
            return None
        self._next[topic, partition] = offset
        return offset

    def add(
        self,
        value: bytes | None,
        key: bytes | None,
        timestamp: int,
        headers: HeadersTuples,
        topic: str,
        partition: int,
        offset: int,
    ) -> None:
        """Keep a record for the next batch; one that is none of ours is laid aside, and its offset counts."""
        record: RawDecision | WorkflowVersioned | None = None
        try:
            found = peek(value)
        except WireError as error:
            self._lay_aside(value, key, timestamp, headers, "UNREADABLE", str(error))
        else:
            if isinstance(found, RawDecision | WorkflowVersioned):
                record = found
            else:
                reason = f"a {type(found).__name__} is no Decision and no WorkflowVersioned"
                self._lay_aside(value, key, timestamp, headers, "UNEXPECTED_RECORD", reason)
        if not self._arrivals:
            self._first_at = self._clock()
        self._arrivals.append(Arrival(topic, partition, offset, record, value))
        self._collected[topic, partition] = offset

    def write_when_due(self, context: ProcessingContext) -> None:
        """Once a turn of the loop: write when the batch is full, old, or all there is."""
        if not self._arrivals:
            return
        now = self._clock()
        due = len(self._arrivals) >= MOST_ARRIVALS or now - self._first_at >= LONGEST_WAIT_S
        if not due and (now - self._written_at < SHORTEST_GAP_S or not self._drained(context)):
            return
        try:
            self._write()
        except DatabaseUnavailable as error:
            # A checkpoint pauses the partitions and seeks back; `flush` tells it to.
            self._unavailable = error
            context.commit_checkpoint(force=True)

    def flush(self) -> None:
        """Write what is left, before Kafka's copy of the offsets is written."""
        unavailable, self._unavailable = self._unavailable, None
        try:
            if unavailable is not None:
                raise unavailable
            self._write()
        except DatabaseUnavailable as error:
            logger.warning("Postgres does not answer, again in %.2f s: %s", self._backoff_s, error)
            retry_after, self._backoff_s = self._backoff_s, min(2 * self._backoff_s, LONGEST_BACKOFF_S)
            self.on_paused()
            raise SinkBackpressureError(retry_after) from error

    def on_paused(self) -> None:
        """Forget what is not written: it is read again."""
        self._arrivals.clear()
        self._collected.clear()
        self._next.clear()

    def _write(self) -> None:
        if not self._arrivals:
            return
        if self._dead_letters:
            self._outputs.flush()
            self._dead_letters = 0
        self._follow()
        self._projection.write(self._arrivals, self._lay_aside_marked)
        self._arrivals.clear()
        self._collected.clear()
        self._written_at = self._clock()
        self._backoff_s = FIRST_BACKOFF_S

    def _follow(self) -> None:
        """Ask for the positions that are not known: after an error, or when Postgres was away before."""
        for topic, partition, offset, *_ in self._arrivals:
            place = topic, partition
            expected = self._next.get(place)
            if expected is None:
                expected = self._projection.next_offset(topic, partition)
                if expected < offset:
                    # The next start goes on from Postgres's position.
                    raise Hole(
                        f"{topic}[{partition}] is read from {offset}, but Postgres waits for {expected}"
                    )
            elif expected < offset:
                logger.error(
                    "%s[%d]: records %d to %d were gone before they could be written: rebuild the "
                    "read model from the archive, and keep the topic longer than an outage may last",
                    *(*place, expected, offset - 1),
                )
            self._next[place] = max(expected, offset + 1)

    def _drained(self, context: ProcessingContext) -> bool:
        """Whether the broker has nothing behind what was collected, as far as the last fetch told."""
        return all(
            context.consumer.get_watermark_offsets(TopicPartition(*place), cached=True)[1] <= offset + 1
            for place, offset in self._collected.items()
        )

    def _lay_aside_marked(self, arrival: Arrival, reason: str) -> None:
        """A decision that is written with marks: whole here, before the batch with the marks is in."""
        topic, partition, offset, record, value = arrival
        key = record.run_id.encode() if isinstance(record, RawDecision) else None
        letter = DeadLetter(
            processor=PROCESSOR,
            topic=topic,
            partition=partition,
            offset=offset,
            key=key,
            value=value,
            headers={},
            code="NOT_PROJECTED",
            reason=reason,
            at=0 if record is None else record.at,
        )
        self._outputs.send(Output(DEAD_LETTERS, *as_record(letter)))
        self._outputs.flush()
        logger.error("%s[%d]@%d is shown with marks: %s", topic, partition, offset, reason)

    def _lay_aside(
        self,
        value: bytes | None,
        key: bytes | None,
        timestamp: int,
        headers: HeadersTuples,
        code: str,
        reason: str,
    ) -> None:
        letter = dead_letter(PROCESSOR, value, key, timestamp, headers, code=code, reason=reason)
        self._outputs.send(letter)
        self._dead_letters += 1
        context = message_context()
        logger.warning("%s[%d]@%d laid aside: %s", context.topic, context.partition, context.offset, reason)
