from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourceType,
)
from quixstreams.models.topics import TopicAdmin, TopicManager

from storage.kafka import admin
from storage.kafka.admin import TopicsError, check_topics, create_topics, expected_topics
from storage.kafka.changelogs import CHANGELOGS, Changelog, group_of
from storage.kafka.topics import NODE_RESULTS, TIMERS
from storage.settings import Settings
from tests.support.kafka import wait_until

if TYPE_CHECKING:
    from tests.support.kafka import Installation


def described(installation: Installation, topic: str) -> dict[str, str]:
    client = AdminClient({"bootstrap.servers": installation.bootstrap})
    answer = client.describe_configs([ConfigResource(ResourceType.TOPIC, topic)])
    (future,) = answer.values()
    return {name: entry.value for name, entry in future.result().items()}


def test_creating_again_changes_nothing(installation: Installation) -> None:
    settings = installation.settings()
    check_topics(settings)
    assert create_topics(settings) == []


def test_every_topic_has_our_settings(installation: Installation) -> None:
    for topic in expected_topics(installation.settings()):
        actual = described(installation, topic.name)
        assert {name: actual[name] for name in topic.config()} == topic.config()


def test_a_setting_that_was_changed_is_put_back(installation: Installation) -> None:
    client = AdminClient({"bootstrap.servers": installation.bootstrap})
    changed = [ConfigEntry("retention.ms", "60000", incremental_operation=AlterConfigOpType.SET)]
    resource = ConfigResource(ResourceType.TOPIC, NODE_RESULTS, incremental_configs=changed)
    (altered,) = client.incremental_alter_configs([resource]).values()
    altered.result()
    create_topics(installation.settings())
    assert described(installation, NODE_RESULTS)["retention.ms"] != "60000"
    assert described(installation, NODE_RESULTS)["message.timestamp.type"] == "LogAppendTime"


def test_a_missing_topic_is_named(installation: Installation) -> None:
    client = AdminClient({"bootstrap.servers": installation.bootstrap})
    client.delete_topics([TIMERS], operation_timeout=15)[TIMERS].result()
    wait_until(lambda: TIMERS not in client.list_topics(timeout=15).topics, "the topic is gone")
    with pytest.raises(TopicsError, match=r"topic timers does not exist: run `aob topics create`"):
        check_topics(installation.settings())
    create_topics(installation.settings())
    check_topics(installation.settings())


def test_another_partition_count_is_refused(installation: Installation) -> None:
    client = AdminClient({"bootstrap.servers": installation.bootstrap})
    client.create_partitions([NewPartitions(NODE_RESULTS, 7)])[NODE_RESULTS].result()
    wait_until(
        lambda: len(client.list_topics(timeout=15).topics[NODE_RESULTS].partitions) == 7, "it has grown"
    )
    for look in (check_topics, create_topics):
        with pytest.raises(TopicsError, match=r"topic node.results has 7 partitions instead of 4"):
            look(installation.settings())


def test_no_broker_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(admin, "REQUEST_TIMEOUT_S", 1.0)
    settings = Settings(kafka_bootstrap="127.0.0.1:1", jwt_secret="0" * 32)
    with pytest.raises(TopicsError, match=r"no Kafka answers at 127.0.0.1:1"):
        check_topics(settings)


@pytest.mark.parametrize("changelog", CHANGELOGS)
def test_a_changelog_is_called_as_quixstreams_calls_it(changelog: Changelog) -> None:
    manager = TopicManager(TopicAdmin("127.0.0.1:1"), group_of(changelog.processor))
    assert manager._internal_name("changelog", changelog.source, changelog.store) == changelog.topic
