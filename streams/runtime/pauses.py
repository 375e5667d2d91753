"""A sound record that cannot be handled now: its partition waits, the others go on."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from confluent_kafka import TopicPartition
from quixstreams import message_context

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.internal_consumer import InternalConsumer

logger = logging.getLogger(__name__)


class NotNow(Exception):  # noqa: N818 (an answer to the loop, not a fault)
    """Raised inside a dataframe's callback, before anything was written or handed over for the record.

    Its partition is paused and read again from this record after `retry_after_s`. Records before it are
    committed as usual.
    """

    def __init__(self, reason: str, retry_after_s: float) -> None:
        super().__init__(reason)
        context = message_context()
        self.place = TopicPartition(context.topic, context.partition, context.offset)
        self.retry_after_s = retry_after_s


class _Paused(NamedTuple):
    offset: int
    resume_at: float


class Pauses:
    """The partitions that wait."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._paused: dict[tuple[str, int], _Paused] = {}
        # The records that were put off last, so that an outage is one warning a partition, not one a second.
        self._warned: dict[tuple[str, int], int] = {}

    def put_off(self, error: NotNow, consumer: InternalConsumer) -> None:
        """Pause the partition of the record and go back to it."""
        place = error.place
        name = place.topic, place.partition
        if self._warned.get(name) != place.offset:
            self._warned[name] = place.offset
            logger.warning("partition %s[%d] waits at offset %d: %s", *name, place.offset, error)
        # A pause alone would go on behind the record.
        consumer.pause([place])
        consumer.seek(place)
        self._paused[name] = _Paused(place.offset, self._clock() + error.retry_after_s)

    def resume_due(self, consumer: InternalConsumer) -> None:
        """Go on with the partitions whose time has come."""
        if not self._paused:
            return
        now = self._clock()
        for name, paused in list(self._paused.items()):
            if paused.resume_at <= now:
                del self._paused[name]
                consumer.resume([TopicPartition(*name, paused.offset)])

    def forget(self) -> None:
        """What was paused is not any more: partitions were assigned anew."""
        self._paused.clear()
