"""The quixstreams `Application` of a processor: the settings that the guarantees rest on, in one place."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from quixstreams import Application
from quixstreams.state.rocksdb import RocksDBOptions

from storage.kafka.changelogs import group_of
from storage.kafka.clients import IDLE_FETCH_MS, PARTITIONER
from storage.kafka.topics import RECORD_BYTES
from streams.runtime.local_state import discard_stale_state, state_dir_of
from streams.runtime.pauses import NotNow, Pauses

if TYPE_CHECKING:
    from confluent_kafka import Message, TopicPartition
    from quixstreams.models import Row

    from streams.runtime.settings import StreamSettings

TRANSACTION_TIMEOUT_MS = 10_000
"""A dead owner's open transaction is aborted after this; until then readers of the changelog wait."""

_MIB = 1024 * 1024

GATHERED_BYTES = 256 * 1024
"""Input that is worth a fetch of its own."""

# RocksDB's defaults are made for a few large stores; here is one small store per partition. The block
# cache is one for the process: quixstreams shares it between options of the same size.
_ROCKSDB = RocksDBOptions(
    write_buffer_size=4 * _MIB,
    max_write_buffer_number=2,
    target_file_size_base=8 * _MIB,
    max_total_wal_size=16 * _MIB,
    block_cache_size=64 * _MIB,
    # The changelog, not the disk, is what state is recovered from.
    use_fsync=False,
)


StartOffset = Callable[[str, int], int | None]
"""Topic and partition -> the offset to go on from; None for the group's own."""


class _Application(Application):
    """Knows `NotNow`, and does two things of its own when partitions are assigned.

    It asks `start_offset` where to begin, and calls `discard_stale` with the open stores: a partition
    may come back after days elsewhere.

    quixstreams hands the assignment on to the consumer as it is, offsets included, and stores the offset of a
    record only when it was handled; its hooks are not documented and have their own tests.
    """

    start_offset: StartOffset | None = None
    discard_stale: Callable[[list[tuple[str, str, int]]], object] | None = None

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 (quixstreams' own, as they are)
        super().__init__(**settings)
        self._pauses = Pauses()

    def _process_message(self, dataframe_composed: object) -> None:
        self._pauses.resume_due(self._consumer)
        try:
            super()._process_message(dataframe_composed)  # type: ignore[no-untyped-call]  # quixstreams'
        except NotNow as error:
            self._pauses.put_off(error, self._consumer)

    def _on_assign(self, _: object, topic_partitions: list[TopicPartition]) -> None:
        self._pauses.forget()
        if self.discard_stale is not None:
            self.discard_stale(self._open_stores())
        if self.start_offset is not None:
            for tp in topic_partitions:
                offset = self.start_offset(tp.topic, tp.partition)
                if offset is not None:
                    tp.offset = offset
        super()._on_assign(_, topic_partitions)

    def _open_stores(self) -> list[tuple[str, str, int]]:
        return [
            (name, stream or "", partition)
            for stream, stores in self._state_manager.stores.items()
            for name, store in stores.items()
            for partition in store.partitions
        ]


def make_application(  # noqa: PLR0913 (each says something of its own)
    settings: StreamSettings,
    processor: str,
    *,
    transactional: bool,
    commit_interval: float,
    commit_every: int = 0,
    poll_timeout: float = 0.05,
    start_offset: StartOffset | None = None,
    gather_ms: int = 0,
) -> Application:
    """The application of `processor`, named the same over restarts of this instance.

    `transactional`: state, changelog and offsets commit together; what leaves through `Outputs` leaves at
    once, outside. `commit_interval` and `poll_timeout` are seconds; `commit_every` counts input records, 0
    for no bound. `start_offset` overrules the group's committed offsets. Topics and changelogs must exist
    (`aob topics create`): TopicNotFoundError otherwise. `gather_ms`: how long a fetch may wait for more
    input, in a processor that nobody waits for; a fetch for each record would cost the broker more than it.
    """
    member = f"aob.{processor}.{settings.instance_id}"
    producer: dict[str, str | int] = {
        "partitioner": PARTITIONER,
        "linger.ms": 0,
        "message.max.bytes": RECORD_BYTES,
    }
    if transactional:
        producer |= {"transactional.id": member, "transaction.timeout.ms": TRANSACTION_TIMEOUT_MS}
    logging.getLogger("quixstreams").setLevel(max(logging.INFO, logging.getLogger().level))
    application = _Application(
        broker_address=settings.kafka_bootstrap,
        consumer_group=group_of(processor),
        processing_guarantee="exactly-once" if transactional else "at-least-once",
        auto_offset_reset="earliest",
        auto_create_topics=False,
        # True would delete local state when the committed offset is gone: an operator decides that.
        auto_recover_from_source_offset_out_of_range=False,
        commit_interval=commit_interval,
        commit_every=commit_every,
        consumer_poll_timeout=poll_timeout,
        consumer_extra_config={
            "group.instance.id": member,
            "session.timeout.ms": settings.session_timeout_ms,
            "heartbeat.interval.ms": settings.session_timeout_ms // 3,
            "fetch.wait.max.ms": gather_ms or IDLE_FETCH_MS,
            "fetch.min.bytes": GATHERED_BYTES if gather_ms else 1,
            "fetch.queue.backoff.ms": 5,
            "fetch.error.backoff.ms": 20,
            "log.connection.close": False,
            "socket.nagle.disable": True,
        },
        producer_extra_config=producer,
        state_dir=state_dir_of(settings),
        rocksdb_options=_ROCKSDB,
        # The root logger formats our logs; and an error is logged once, where the process ends (run.py).
        loglevel=None,
        on_consumer_error=_propagate,
        on_processing_error=_propagate,
        on_producer_error=_propagate,
    )
    application.start_offset = start_offset
    application.discard_stale = partial(discard_stale_state, settings, processor)
    return application


def _propagate(_error: Exception, _record: Message | Row | None, _logger: logging.Logger) -> bool:
    return False
