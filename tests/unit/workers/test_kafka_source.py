"""What the consumer's callbacks do in the middle of a fetch; a broker brings that about by chance only."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from confluent_kafka import TopicPartition

from tests.unit.workers.machine import MEDIUM
from tests.unit.workers.waiting import until
from workers.broker import kafka_source
from workers.broker.kafka_source import KafkaSource
from workers.runner.intake import Intake
from workers.runner.limits import Limits

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import pytest

    from workers.broker import Assigned, Partition, Position, Record


@dataclass
class Fetched:
    """A message of partition 0."""

    number: int

    def topic(self) -> str:
        return MEDIUM

    def partition(self) -> int:
        return 0

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes:
        return b"k"

    def value(self) -> bytes:
        return b"v"

    def headers(self) -> None:
        return None

    def error(self) -> None:
        return None


class Script:
    """A consumer whose partition is taken away and given back while a batch is fetched."""

    def __init__(self, config: dict[str, Any]) -> None:
        assert config["group.id"]
        self.commits: list[TopicPartition] = []
        self.polled = deque([Fetched(100), Fetched(103), Fetched(104)])
        self.fetches: deque[Callable[[], list[Fetched]]] = deque(
            [lambda: [Fetched(101), Fetched(102)], self._rebalance, list]
        )
        self.callbacks: dict[str, Callable[[Script, list[TopicPartition]], None]] = {}
        self.idle = threading.Event()

    def subscribe(
        self, topics: list[str], **callbacks: Callable[[Script, list[TopicPartition]], None]
    ) -> None:
        assert MEDIUM in topics
        self.callbacks = callbacks
        callbacks["on_assign"](self, [TopicPartition(MEDIUM, 0)])

    def committed(self, partitions: list[TopicPartition], timeout: float) -> list[TopicPartition]:
        assert timeout
        return self.commits or [TopicPartition(p.topic, p.partition, 100) for p in partitions]

    def commit(self, offsets: list[TopicPartition], asynchronous: bool) -> None:  # noqa: FBT001
        assert not asynchronous
        self.commits = offsets

    def poll(self, seconds: float) -> Fetched | None:
        if self.polled:
            return self.polled.popleft()
        self.idle.wait(seconds)
        return None

    def consume(self, count: int, seconds: float) -> list[Fetched]:
        assert (count > 0, seconds) == (True, 0)
        return self.fetches.popleft()()

    def _rebalance(self) -> list[Fetched]:
        mine = [TopicPartition(MEDIUM, 0)]
        self.callbacks["on_revoke"](self, mine)
        self.callbacks["on_assign"](self, mine)
        # The fetch begins again where the group's commit stands.
        return [Fetched(n) for n in range(self.commits[0].offset, 104)]

    def assignment(self) -> list[TopicPartition]:
        return []

    def pause(self, partitions: list[TopicPartition]) -> None:
        assert partitions == []

    def resume(self, partitions: list[TopicPartition]) -> None:
        assert partitions == []

    def close(self) -> None:
        self.idle.set()


class Taking:
    """A listener that takes what comes in, as a runner does."""

    def __init__(self) -> None:
        self.intake = Intake([], Limits())
        self.errors: list[Exception] = []

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        self.intake.assigned(partitions)

    def received(self, records: Sequence[Record]) -> None:
        self.intake.received(records)

    def revoked(self, partitions: Sequence[Partition]) -> list[Position]:
        return self.intake.revoked(partitions)

    def commit_failed(self) -> None:
        raise AssertionError

    def cancelled(self, cancel: object) -> None:
        raise AssertionError(cancel)

    def failed(self, error: Exception) -> None:
        self.errors.append(error)


async def test_a_rebalance_within_a_fetch_passes_over_no_record(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kafka_source, "Consumer", Script)
    source, listener = KafkaSource("127.0.0.1:1", "default", "0"), Taking()
    source.start(listener)
    taken: list[int] = []

    def take_in() -> bool:
        while (entry := listener.intake.next()) is not None:
            taken.append(entry[1].record.offset)
        return bool(listener.errors) or 104 in taken

    # Nothing is taken out before the partition went and came: the jobs wait in the backlog.
    await until(lambda: bool(listener.errors) or _end(listener) == 105)
    assert take_in()
    await source.close([])
    assert listener.errors == []
    assert taken == [100, 101, 102, 103, 104]


def _end(listener: Taking) -> int:
    ledger = listener.intake._ledgers.get((MEDIUM, 0))
    return ledger._next or 0 if ledger is not None else 0
