"""A real Kafka for tests: `AOB_TEST_KAFKA_BOOTSTRAP`, or one that is started for the session; else a skip.

Topic names are fixed, so a test that needs empty topics asks for `installation`, which makes them anew.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

import httpx
import pytest
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient

from aob.dev.clusters import kafka_broker, kafka_missing
from storage.kafka.admin import create_topics, expected_topics
from storage.kafka.changelogs import group_of
from storage.kafka.clients import consumer_config, producer
from storage.settings import Settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path

PARTITIONS = 4
PATIENCE_S = 60.0
_POLL_S = 0.02
_REQUEST_S = 15.0
_BROKER = pytest.StashKey[str]()


@dataclass(frozen=True, slots=True)
class Installation:
    """Empty topics on a real broker, and the environment of processes that use them."""

    bootstrap: str
    env: dict[str, str] = field(repr=False)

    def settings(self) -> Settings:
        return Settings(
            kafka_bootstrap=self.bootstrap,
            partitions=PARTITIONS,
            replication_factor=1,
            jwt_secret=self.env["AOB_JWT_SECRET"],
        )


@pytest.fixture(scope="session")
def kafka_bootstrap(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Bootstrap servers of a broker that the whole session shares."""
    given = os.environ.get("AOB_TEST_KAFKA_BOOTSTRAP")
    if given:
        return given
    missing = kafka_missing()
    if missing is not None:
        pytest.skip(missing)
    # One for the session, however many conftest files take this fixture in.
    started = request.config.stash.get(_BROKER, None)
    if started is None:
        stack = ExitStack()
        request.config.add_cleanup(stack.close)
        started = stack.enter_context(kafka_broker(tmp_path_factory.mktemp("kafka")))
        request.config.stash[_BROKER] = started
    return started


@pytest.fixture
def installation(kafka_bootstrap: str, tmp_path: Path) -> Installation:
    """All topics, new and empty, with no group that remembers anything; 4 partitions."""
    env = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AOB_")},
        "AOB_ENVIRONMENT": "dev",
        "AOB_KAFKA_BOOTSTRAP": kafka_bootstrap,
        "AOB_PARTITIONS": str(PARTITIONS),
        "AOB_REPLICATION_FACTOR": "1",
        "AOB_STATE_DIR": str(tmp_path / "state"),
        "AOB_CAS_DIR": str(tmp_path / "cas"),
        "AOB_JWT_SECRET": "0" * 32,
        # A killed instance's name is free again after this.
        "AOB_SESSION_TIMEOUT_MS": "2000",
    }
    made = Installation(kafka_bootstrap, env)
    recreate_topics(made.settings())
    return made


def recreate_topics(settings: Settings) -> None:
    """Delete every topic and group of ours and create the topics again."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap})
    existing = admin.list_topics(timeout=_REQUEST_S).topics
    ours = [topic.name for topic in expected_topics(settings) if topic.name in existing]
    if ours:
        for deleted in admin.delete_topics(ours, operation_timeout=_REQUEST_S).values():
            deleted.result()
        wait_until(
            lambda: not set(ours) & set(admin.list_topics(timeout=_REQUEST_S).topics), "topics are gone"
        )
    listed = admin.list_consumer_groups(request_timeout=_REQUEST_S).result().valid
    groups = [group.group_id for group in listed if group.group_id.startswith(group_of(""))]
    for group in groups:
        wait_until(partial(_group_is_deleted, admin, group), f"group {group} is gone")
    create_topics(settings)


def _group_is_deleted(admin: AdminClient, group: str) -> bool:
    try:
        admin.delete_consumer_groups([group], request_timeout=_REQUEST_S)[group].result()
    except KafkaException as error:
        # Its last member was killed, and is a member until its session ends.
        if error.args[0].name() == "NON_EMPTY_GROUP":
            return False
        if error.args[0].name() != "GROUP_ID_NOT_FOUND":
            raise
    return True


def produce(bootstrap: str, topic: str, records: Iterable[tuple[bytes | None, bytes | None]]) -> None:
    """Send keys and values with our own client's settings, and wait until they are delivered."""
    client = producer(bootstrap)
    failures: list[str] = []

    def delivered(error: object, _message: Message) -> None:
        if error is not None:
            failures.append(str(error))

    for key, value in records:
        client.produce(topic, value, key, on_delivery=delivered)
        client.poll(0)
    assert client.flush(PATIENCE_S) == 0
    assert failures == []


def read_until(
    bootstrap: str, topic: str, enough: Callable[[list[Message]], bool], patience_s: float = PATIENCE_S
) -> list[Message]:
    """Every committed record of a topic from its beginning, as soon as `enough` says so of them."""
    consumer = Consumer(consumer_config(bootstrap, "tests"))
    try:
        partitions = consumer.list_topics(topic, timeout=_REQUEST_S).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
        messages: list[Message] = []
        deadline = time.monotonic() + patience_s
        while not enough(messages):
            assert time.monotonic() < deadline, f"{topic}: not enough among {len(messages)} records"
            messages += consumer.consume(1000, timeout=0.1)
        return messages
    finally:
        consumer.close()


def committed(bootstrap: str, group: str, topic: str) -> dict[int, int]:
    """Partition -> the offset that a group has committed."""
    admin = AdminClient({"bootstrap.servers": bootstrap})
    answer = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)])[group].result()
    return {tp.partition: tp.offset for tp in answer.topic_partitions if tp.topic == topic}


def ends(bootstrap: str, topic: str) -> dict[int, int]:
    """Partition -> the offset of the next record."""
    consumer = Consumer(consumer_config(bootstrap, "tests"))
    try:
        partitions = consumer.list_topics(topic, timeout=_REQUEST_S).topics[topic].partitions
        return {
            number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=_REQUEST_S)[1]
            for number in partitions
        }
    finally:
        consumer.close()


@contextmanager
def processor(installation: Installation, name: str, **env: str) -> Iterator[subprocess.Popen[bytes]]:
    """A processor in a process of its own; killed at the end if it still runs."""
    command = [sys.executable, "-c", f"import sys; from streams.main import main; sys.exit(main({name!r}))"]
    process = subprocess.Popen(command, env={**installation.env, **env})
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def wait_until(condition: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Return as soon as `condition` holds; fail with `what` when it does not in time."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, f"not in {patience_s} s: {what}"
        time.sleep(_POLL_S)


def free_port() -> int:
    """A port of the loopback interface on which nobody listens now."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def ready(port: int) -> bool:
    """Whether the process with this health port says that it is ready."""
    try:
        return httpx.get(f"http://127.0.0.1:{port}/readyz").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False
