"""Create the topics, and check them: names, partition counts, settings."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourceType,
)

from storage.kafka.changelogs import CHANGELOGS, changelog_topic
from storage.kafka.clients import tail
from storage.kafka.topics import Topic, all_topics

if TYPE_CHECKING:
    from storage.settings import Settings

REQUEST_TIMEOUT_S = 15.0
_LEADERS_TIMEOUT_S = 60.0
_LEADERS_POLL_S = 0.05


class TopicsError(Exception):
    """Topics are missing or wrong, or no broker answers; the message says which and what to do."""


def expected_topics(settings: Settings) -> list[Topic]:
    """Every topic of an installation, changelogs included."""
    topics = all_topics(settings.queue_names)
    by_name = {topic.name: topic for topic in topics}
    return [*topics, *(changelog_topic(log, by_name[log.source]) for log in CHANGELOGS)]


def partitions_of(topic: Topic, settings: Settings) -> int:
    """How many partitions a topic must have here."""
    return settings.partitions if topic.partitions == "runs" else topic.partitions


def create_topics(settings: Settings) -> list[str]:
    """Create what is missing and apply our settings to what exists; returns the names of what was created.

    Doing it again changes nothing. Another partition count is not repaired: TopicsError, as keys would move.
    """
    admin = _admin(settings)
    topics = expected_topics(settings)
    found = _partition_counts(admin, settings)
    _check_counts([topic for topic in topics if topic.name in found], found, settings)
    missing = [topic for topic in topics if topic.name not in found]
    _create(admin, missing, settings)
    _configure(admin, [topic for topic in topics if topic.name in found])
    _wait_for_leaders(missing, settings)
    return [topic.name for topic in missing]


def check_topics(settings: Settings) -> None:
    """TopicsError unless every topic exists with its partition count."""
    _check_counts(expected_topics(settings), _partition_counts(_admin(settings), settings), settings)


def _admin(settings: Settings) -> AdminClient:
    return AdminClient({"bootstrap.servers": settings.kafka_bootstrap, "log.connection.close": False})


def _partition_counts(admin: AdminClient, settings: Settings) -> dict[str, int]:
    try:
        metadata = admin.list_topics(timeout=REQUEST_TIMEOUT_S)
    except KafkaException as error:
        raise TopicsError(f"no Kafka answers at {settings.kafka_bootstrap}: {error.args[0].str()}") from error
    return {name: len(topic.partitions) for name, topic in metadata.topics.items()}


def _check_counts(topics: list[Topic], found: dict[str, int], settings: Settings) -> None:
    problems = []
    for topic in topics:
        wanted, count = partitions_of(topic, settings), found.get(topic.name)
        if count is None:
            problems.append(f"topic {topic.name} does not exist: run `aob topics create`")
        elif count != wanted:
            problems.append(
                f"topic {topic.name} has {count} partitions instead of {wanted}: set AOB_PARTITIONS to what "
                "the installation was made with, or use another cluster"
            )
    if problems:
        raise TopicsError("\n".join(problems))


def _create(admin: AdminClient, topics: list[Topic], settings: Settings) -> None:
    if not topics:
        return
    wanted = [
        NewTopic(
            topic.name,
            num_partitions=partitions_of(topic, settings),
            replication_factor=settings.replication_factor,
            config=topic.config(),
        )
        for topic in topics
    ]
    problems = []
    for name, future in admin.create_topics(wanted, request_timeout=REQUEST_TIMEOUT_S).items():
        try:
            future.result()
        except KafkaException as error:
            # Somebody else creates them at the same time.
            if error.args[0].code() != KafkaError.TOPIC_ALREADY_EXISTS:
                problems.append(f"topic {name} cannot be created: {error.args[0].str()}")
    if problems:
        raise TopicsError("\n".join(problems))


def _configure(admin: AdminClient, topics: list[Topic]) -> None:
    """Set what differs. A setting that the broker does not describe is one that it does not have."""
    if not topics:
        return
    resources = [ConfigResource(ResourceType.TOPIC, topic.name) for topic in topics]
    described = admin.describe_configs(resources, request_timeout=REQUEST_TIMEOUT_S)
    actual = {resource.name: future.result() for resource, future in described.items()}
    changes = []
    for topic in topics:
        entries = actual[topic.name]
        differing = [
            ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET)
            for name, value in topic.config().items()
            if name in entries and entries[name].value != value
        ]
        if differing:
            changes.append(
                ConfigResource(ResourceType.TOPIC, topic.name, incremental_configs=differing),
            )
    if changes:
        altered = admin.incremental_alter_configs(changes, request_timeout=REQUEST_TIMEOUT_S)
        for future in altered.values():
            future.result()


def _wait_for_leaders(topics: list[Topic], settings: Settings) -> None:
    """Return when the leader of every new partition answers: metadata names it before it knows of that."""
    deadline = time.monotonic() + _LEADERS_TIMEOUT_S
    client = tail(settings.kafka_bootstrap, "aob.topics")
    try:
        for topic in topics:
            for number in range(partitions_of(topic, settings)):
                while not _leads(client, TopicPartition(topic.name, number)):
                    if time.monotonic() > deadline:
                        raise TopicsError(
                            f"no leader answers for {topic.name}[{number}]: is the cluster healthy?"
                        )
                    time.sleep(_LEADERS_POLL_S)
    finally:
        client.close()


def _leads(client: Consumer, partition: TopicPartition) -> bool:
    try:
        client.get_watermark_offsets(partition, timeout=REQUEST_TIMEOUT_S)
    except KafkaException:
        return False
    return True
