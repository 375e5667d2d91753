"""Outputs leave at once, through a plain producer; the commit confirms them before it writes anything."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import KafkaError, KafkaException, Message, Producer, TopicPartition
from quixstreams.sinks import BaseSink

from storage.kafka.clients import producer_config
from streams.runtime.ticks import every

if TYPE_CHECKING:
    from quixstreams.dataframe import StreamingDataFrame
    from quixstreams.models import HeadersTuples
    from quixstreams.processing import ProcessingContext

    from streams.runtime.settings import StreamSettings

logger = logging.getLogger(__name__)

_FULL_QUEUE_WAIT_S = 0.1


class Output(NamedTuple):
    """A record to send. `partition`: None to let the key choose."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: list[tuple[str, bytes]] | None = None
    partition: int | None = None


class UndeliveredError(Exception):
    """Outputs were not delivered, so what they follow from must not be committed."""


class Outputs(BaseSink):
    """A sink of lists of `Output`: `dataframe.apply(handle)` and then `.sink(outputs)`.

    A list at a time: what quixstreams does around each value that it passes on costs as much as producing it.

    A checkpoint flushes its sinks before it writes the changelog and offsets, so nothing commits whose
    outputs are not delivered. Records of one key leave in the order in which they were added.
    """

    def __init__(self, settings: StreamSettings, linger_ms: float = 0) -> None:
        super().__init__(on_client_connect_success=lambda: None)
        self._timeout_s = settings.delivery_timeout_s
        self._config = {
            **producer_config(settings.kafka_bootstrap, linger_ms=linger_ms),
            "logger": logger,
            # Only failures call back: a Python call for every record would cost more than producing it.
            "delivery.report.only.error": True,
            "on_delivery": self._on_failure,
        }
        # What was sent follows from these input offsets; and the end of the input as it was last seen.
        self._followed: dict[tuple[str, int], int] = {}
        self._ends: dict[tuple[str, int], int] = {}
        self._failure: KafkaError | None = None
        self._failed_topic: str | None = None
        self._producer: Producer | None = None

    def setup(self) -> None:
        """Connect (quixstreams calls this when the application starts)."""
        self._connected()

    def add(
        self,
        value: list[Output],
        key: object,
        timestamp: int,
        headers: HeadersTuples,
        topic: str,
        partition: int,
        offset: int,
    ) -> None:
        """Send what the dataframe hands over."""
        del key, timestamp, headers
        if value:
            self._followed[topic, partition] = offset
        for output in value:
            self._produce(output)
        self._connected().poll(0)
        self._raise_failure()

    def send(self, output: Output) -> None:
        """Send now, confirm at the next `flush`; UndeliveredError when an earlier one failed."""
        self._produce(output)
        self._connected().poll(0)
        self._raise_failure()

    def _produce(self, output: Output) -> None:
        producer = self._connected()
        topic, key, value, headers, partition = output
        target = -1 if partition is None else partition
        while True:
            try:
                producer.produce(topic, value, key, target, headers=headers or [])
            except BufferError:
                producer.poll(_FULL_QUEUE_WAIT_S)
                self._raise_failure()
            except KafkaException as error:
                raise UndeliveredError(f"{topic}: {error}") from error
            else:
                return

    def flush(self) -> None:
        """Wait until all that was sent is delivered; UndeliveredError when that fails or takes too long."""
        left = self._connected().flush(self._timeout_s)
        self._raise_failure()
        if left:
            raise UndeliveredError(f"{left} outputs were not delivered within {self._timeout_s} s")

    def hurry(self, context: ProcessingContext) -> None:
        """Flush when no input waits: company for the outputs is not to be expected then."""
        while self._followed:
            place, offset = next(reversed(self._followed.items()))
            if self._ends.get(place, 0) <= offset + 1:
                self._ends[place] = context.consumer.get_watermark_offsets(
                    TopicPartition(*place), cached=True
                )[1]
            if self._ends[place] > offset + 1:
                return
            del self._followed[place]
            if not self._followed:
                self.flush()

    def _connected(self) -> Producer:
        if self._producer is None:
            self._producer = Producer(self._config)
        return self._producer

    def _on_failure(self, error: KafkaError | None, message: Message) -> None:
        if error is not None and self._failure is None:
            self._failure, self._failed_topic = error, message.topic()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise UndeliveredError(f"{self._failed_topic}: {failure.str()}")


def sink_outputs(dataframe: StreamingDataFrame, settings: StreamSettings) -> Outputs:
    """End a dataframe of lists of `Output` in `Outputs`; with a linger, they wait only while input does."""
    outputs = Outputs(settings, settings.outputs_linger_ms)
    dataframe.sink(outputs)
    if settings.outputs_linger_ms:
        every(dataframe, 0, lambda: outputs.hurry(dataframe.processing_context))
    return outputs
