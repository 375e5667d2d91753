"""What a runner needs of a broker: the twin in memory and the real Kafka, under the same tests."""

from __future__ import annotations

import asyncio
import threading
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

import pytest

from engine.effects import CancelJobs
from storage.kafka.topics import NODE_CANCELS, NODE_LOGS, NODE_RESULTS, PRIORITIES, job_topic
from storage.wire import encode
from tests.support.kafka import installation, kafka_bootstrap, produce, read_until
from workers.broker import Position
from workers.broker.kafka_cancels import KafkaCancels
from workers.broker.kafka_outlet import KafkaOutlet
from workers.broker.kafka_source import KafkaSource
from workers.broker.memory import MemoryBroker, MemoryCancels, MemoryOutlet, MemorySource

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from workers.broker import Assigned, CancelFeed, JobSource, Outlet, Partition, Record

__all__ = ["installation", "kafka_bootstrap"]

PATIENCE_S = 60.0
HIGH, MEDIUM, LOW = range(3)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 (what is waited for tells nobody)
            await asyncio.sleep(0.005)


@dataclass
class Heard:
    """A listener that remembers.

    `answer` is what it wants committed for each partition that goes, `last` when the source is closed.
    """

    answer: tuple[int, str] | None = None
    last: list[Position] = field(default_factory=list)
    partitions: dict[Partition, Assigned] = field(default_factory=dict)
    gone: list[Partition] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    cancels: list[CancelJobs] = field(default_factory=list)
    errors: list[Exception] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        self.threads.add(threading.get_ident())
        self.partitions |= {assigned.partition: assigned for assigned in partitions}

    def received(self, records: Sequence[Record]) -> None:
        self.threads.add(threading.get_ident())
        assert {record.partition for record in records} <= set(self.partitions)
        self.records += records

    def revoked(self, partitions: Sequence[Partition]) -> list[Position]:
        self.threads.add(threading.get_ident())
        self.gone += partitions
        for partition in partitions:
            self.partitions.pop(partition, None)
        return [] if self.answer is None else [Position(partition, *self.answer) for partition in partitions]

    def commit_failed(self) -> None:
        raise AssertionError

    def cancelled(self, cancel: CancelJobs) -> None:
        self.threads.add(threading.get_ident())
        self.cancels.append(cancel)

    def failed(self, error: Exception) -> None:
        self.errors.append(error)

    def values(self, priority: int) -> list[bytes | None]:
        return [record.value for record in self.records if record.priority == priority]

    def owns_all(self) -> bool:
        return {topic for topic, _ in self.partitions} == {job_topic("default", name) for name in PRIORITIES}


class Rig(Protocol):
    """A broker, seen from both sides."""

    def source(self) -> JobSource: ...

    def cancel_feed(self) -> CancelFeed: ...

    def outlet(self) -> Outlet: ...

    def share(self, first: JobSource, heard: Heard) -> JobSource:
        """Have a second runner come, which takes partitions of the first."""
        ...

    async def put(self, priority: int, values: Sequence[bytes]) -> None: ...

    async def cancel(self, cancel: CancelJobs) -> None: ...

    async def values(self, topic: str, count: int) -> list[bytes | None]: ...


class MemoryRig:
    def __init__(self) -> None:
        self._broker = MemoryBroker(partitions=4)

    def source(self) -> JobSource:
        return MemorySource(self._broker)

    def cancel_feed(self) -> CancelFeed:
        return MemoryCancels(self._broker)

    def outlet(self) -> Outlet:
        return MemoryOutlet(self._broker)

    def share(self, first: JobSource, heard: Heard) -> JobSource:
        assert isinstance(first, MemorySource)
        first.lose([(job_topic("default", name), n) for name in PRIORITIES for n in range(4)])
        second = self.source()
        second.start(heard)
        return second

    async def put(self, priority: int, values: Sequence[bytes]) -> None:
        for value in values:
            self._broker.append(job_topic("default", PRIORITIES[priority]), b"key", value, 1)

    async def cancel(self, cancel: CancelJobs) -> None:
        self._broker.cancel(cancel)

    async def values(self, topic: str, count: int) -> list[bytes | None]:
        values: list[bytes | None] = [*self._broker.values(topic)]
        assert len(values) >= count
        return values


class KafkaRig:
    def __init__(self, bootstrap: str) -> None:
        self._bootstrap = bootstrap

    def source(self) -> JobSource:
        return KafkaSource(self._bootstrap, "default", "0")

    def cancel_feed(self) -> CancelFeed:
        return KafkaCancels(self._bootstrap, "0")

    def outlet(self) -> Outlet:
        return KafkaOutlet(self._bootstrap)

    def share(self, first: JobSource, heard: Heard) -> JobSource:
        assert isinstance(first, KafkaSource)
        second = KafkaSource(self._bootstrap, "default", "1")
        second.start(heard)
        return second

    async def put(self, priority: int, values: Sequence[bytes]) -> None:
        records = [(b"key", value) for value in values]
        await asyncio.to_thread(produce, self._bootstrap, job_topic("default", PRIORITIES[priority]), records)

    async def cancel(self, cancel: CancelJobs) -> None:
        records = [(cancel.run_id.encode(), encode(cancel))]
        await asyncio.to_thread(produce, self._bootstrap, NODE_CANCELS, records)

    async def values(self, topic: str, count: int) -> list[bytes | None]:
        enough = partial(_are_enough, count)
        messages = await asyncio.to_thread(read_until, self._bootstrap, topic, enough)
        return [message.value() for message in messages]


def _are_enough(count: int, messages: Sequence[object]) -> bool:
    return len(messages) >= count


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def rig(request: pytest.FixtureRequest) -> Rig:
    if request.param == "memory":
        return MemoryRig()
    return KafkaRig(request.getfixturevalue("installation").bootstrap)


@asynccontextmanager
async def joined(rig: Rig, heard: Heard) -> AsyncIterator[JobSource]:
    """A source that owns all partitions."""
    source = rig.source()
    source.start(heard)
    try:
        await until(heard.owns_all)
        yield source
    finally:
        await source.close(heard.last)
    assert heard.errors == []
    assert heard.threads == {threading.get_ident()}


def _numbers(start: int, end: int) -> list[bytes]:
    return [b"%d" % number for number in range(start, end)]


async def test_records_of_a_partition_come_in_order_with_their_priority(rig: Rig) -> None:
    await rig.put(LOW, _numbers(0, 50))
    heard = Heard()
    async with joined(rig, heard):
        await until(lambda: len(heard.values(LOW)) == 50)
        await rig.put(HIGH, _numbers(0, 700))
        await rig.put(LOW, _numbers(50, 100))
        await until(lambda: len(heard.records) == 800)
    assert heard.values(HIGH) == _numbers(0, 700)
    assert heard.values(LOW) == _numbers(0, 100)
    for priority, name in enumerate(PRIORITIES):
        records = [record for record in heard.records if record.priority == priority]
        assert [record.offset for record in records] == list(range(len(records)))
        assert {record.partition[0] for record in records} <= {job_topic("default", name)}
    assert {record.key for record in heard.records} == {b"key"}
    assert all(assigned.offset is None for assigned in heard.partitions.values())


async def test_a_paused_priority_waits_and_the_others_do_not(rig: Rig) -> None:
    heard = Heard()
    async with joined(rig, heard) as source:
        source.pause(LOW)
        # A pause holds from the source's next turn on: two records, one after the other, see it through.
        for number in range(2):
            await rig.put(MEDIUM, [b"%d" % number])
            await until(lambda: len(heard.values(MEDIUM)) == number + 1)  # noqa: B023 (called before the next)
        await rig.put(LOW, _numbers(0, 5))
        await rig.put(MEDIUM, [b"2"])
        await until(lambda: len(heard.values(MEDIUM)) == 3)
        assert heard.values(LOW) == []
        source.resume(LOW)
        await until(lambda: len(heard.values(LOW)) == 5)
        await rig.put(LOW, _numbers(5, 8))
        await until(lambda: len(heard.values(LOW)) == 8)
    assert heard.values(LOW) == _numbers(0, 8)


async def test_a_commit_comes_back_with_its_metadata(rig: Rig) -> None:
    await rig.put(MEDIUM, _numbers(0, 10))
    first = Heard()
    async with joined(rig, first) as source:
        await until(lambda: len(first.records) == 10)
        partition = first.records[0].partition
        source.commit([Position(partition, 1, "earlier")])
        first.last = [Position(partition, 4, "1:AgM=")]
    second = Heard()
    async with joined(rig, second):
        await until(lambda: len(second.records) == 6)
        assert second.partitions[partition] == (partition, 4, "1:AgM=")
        others = [assigned for name, assigned in second.partitions.items() if name != partition]
        assert all(assigned.offset is None for assigned in others)
    assert second.values(MEDIUM) == _numbers(4, 10)
    assert [record.offset for record in second.records] == list(range(4, 10))


async def test_what_a_runner_wants_committed_when_partitions_go_is_what_the_next_one_is_told(
    rig: Rig,
) -> None:
    first, second = Heard(answer=(0, "mine")), Heard()
    async with joined(rig, first) as source:
        taking = rig.share(source, second)
        try:
            await until(lambda: bool(second.partitions))
            assert set(second.partitions) <= set(first.gone)
            assert {assigned[1:] for assigned in second.partitions.values()} == {(0, "mine")}
            await until(lambda: not set(second.partitions) & set(first.partitions))
        finally:
            await taking.close([])
    assert second.errors == []


async def test_a_source_that_was_closed_says_nothing_more(rig: Rig) -> None:
    heard, next_one = Heard(), Heard()
    async with joined(rig, heard):
        pass
    await rig.put(MEDIUM, [b"late"])
    async with joined(rig, next_one):
        await until(lambda: next_one.values(MEDIUM) == [b"late"])
    assert heard.records == []


async def test_records_are_confirmed_on_the_loop_once_each_and_not_before_they_are_sent(rig: Rig) -> None:
    outlet = rig.outlet()
    errors: list[Exception] = []
    confirmed: list[tuple[int, int]] = []

    def confirm(number: int) -> None:
        confirmed.append((number, threading.get_ident()))

    outlet.start(errors.append)
    for number in range(100):
        key = b"r0_%d" % number
        outlet.send(NODE_RESULTS, key, b"%d" % number, partial(confirm, number))
    assert confirmed == []
    assert outlet.undelivered == 100
    await until(lambda: len(confirmed) == 100)
    assert outlet.undelivered == 0
    assert {number for number, _ in confirmed} == set(range(100))
    assert {thread for _, thread in confirmed} == {threading.get_ident()}
    assert sorted(await rig.values(NODE_RESULTS, 100), key=str) == sorted(_numbers(0, 100), key=str)
    await outlet.close(10)
    assert errors == []


async def test_closing_waits_for_confirmations(rig: Rig) -> None:
    outlet = rig.outlet()
    confirmed: list[int] = []
    outlet.start(lambda error: pytest.fail(str(error)))
    for number in range(20):
        outlet.send(NODE_RESULTS, None, b"%d" % number, partial(confirmed.append, number))
    await outlet.close(PATIENCE_S)
    assert sorted(confirmed) == list(range(20))
    assert len(await rig.values(NODE_RESULTS, 20)) == 20


async def test_what_nobody_confirms_is_sent_from_any_thread(rig: Rig) -> None:
    outlet = rig.outlet()
    outlet.start(lambda error: pytest.fail(str(error)))
    outlet.send_unconfirmed(NODE_LOGS, b"r0_1", b"a")
    await asyncio.to_thread(outlet.send_unconfirmed, NODE_LOGS, b"r0_1", b"b")
    assert outlet.undelivered == 0
    await outlet.close(PATIENCE_S)
    assert await rig.values(NODE_LOGS, 2) == [b"a", b"b"]


def _cancel(number: int) -> CancelJobs:
    return CancelJobs(workspace="w", run_id=f"r0_{number}", paths=["n"], attempts=[number], reason="test")


async def test_every_runner_hears_of_every_cancel_and_of_earlier_ones(rig: Rig) -> None:
    await rig.cancel(_cancel(0))
    ears = [Heard(), Heard()]
    feeds = [rig.cancel_feed() for _ in ears]
    for feed, heard in zip(feeds, ears, strict=True):
        feed.start(heard)
    await until(lambda: all(heard.cancels == [_cancel(0)] for heard in ears))
    await rig.cancel(_cancel(1))
    await until(lambda: all(heard.cancels == [_cancel(0), _cancel(1)] for heard in ears))
    await feeds[0].close()
    await rig.cancel(_cancel(2))
    await until(lambda: len(ears[1].cancels) == 3)
    assert len(ears[0].cancels) == 2
    await feeds[1].close()
    assert all(heard.errors == [] and heard.threads == {threading.get_ident()} for heard in ears)
