"""What a running processor says of itself: whether it is ready, and which partitions do not move."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING, NamedTuple

from streams.runtime.ticks import every

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from confluent_kafka import TopicPartition
    from quixstreams.dataframe import StreamingDataFrame

logger = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.2
_COMPARE_EVERY_S = 5.0
_LOOP_SILENCE_S = 30.0
"""A loop that has not turned for this long is stuck in a record or waits for something: not ready."""


class _Position(NamedTuple):
    offset: int
    since: float
    warned: bool


class Progress:
    """Watches a processor's partitions from inside its loop; `unready` may be asked from any thread."""

    def __init__(
        self,
        dataframe: StreamingDataFrame,
        stall_warning_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._context = dataframe.processing_context
        self._topics = {topic.name for topic in dataframe.topics}
        self._stall_warning_s = stall_warning_s
        self._clock = clock
        self._assigned: list[TopicPartition] = []
        self._looked_at: float | None = None
        self._positions: dict[tuple[str, int], _Position] = {}
        every(dataframe, _LOOK_EVERY_S, self._look, clock=clock)
        every(dataframe, _COMPARE_EVERY_S, self._compare, clock=clock)

    def unready(self) -> str | None:
        """Why the processor is not ready; None when it has partitions, their state, and a loop that turns.

        An instance beyond the number of partitions holds none, and is not ready until it gets one.
        """
        if self._context.state_manager.recovery_required:
            return "state is being restored"
        if not self._assigned or self._looked_at is None:
            return "no partition is assigned"
        silence = self._clock() - self._looked_at
        return f"the loop has not turned for {silence:.0f} s" if silence > _LOOP_SILENCE_S else None

    def _look(self) -> None:
        self._assigned = [tp for tp in self._context.consumer.assignment() if tp.topic in self._topics]
        self._looked_at = self._clock()

    def _compare(self) -> None:
        consumer = self._context.consumer
        ends = {
            (tp.topic, tp.partition): consumer.get_watermark_offsets(tp, cached=True)[1]
            for tp in self._assigned
        }
        self.note(consumer.position(self._assigned), ends)

    def note(self, positions: Iterable[TopicPartition], ends: dict[tuple[str, int], int]) -> None:
        """Compare with the last time and warn, once a stall, of partitions whose lag does not move.

        `positions` are the next offsets to read, `ends` the high watermarks by (topic, partition).
        """
        now, before, self._positions = self._clock(), self._positions, {}
        for tp in positions:
            name = (tp.topic, tp.partition)
            known = before.get(name)
            # A transaction's marker may stand behind the last record: one offset is no lag.
            lag = ends[name] - tp.offset if tp.offset >= 0 else 0
            if known is None or known.offset != tp.offset or lag <= 1:
                self._positions[name] = _Position(tp.offset, now, warned=False)
                continue
            stalled = now - known.since >= self._stall_warning_s
            if stalled and not known.warned:
                logger.warning(
                    "partition %s[%d] does not move: at offset %d for %.0f s, %d records behind",
                    *name,
                    tp.offset,
                    now - known.since,
                    lag,
                )
            self._positions[name] = known._replace(warned=known.warned or stalled)
