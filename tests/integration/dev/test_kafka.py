from __future__ import annotations

import signal
import time
from typing import TYPE_CHECKING

import psutil
import pytest
from confluent_kafka import Consumer, KafkaError, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType

from aob.dev.broker import external_broker
from aob.dev.clusters import kafka_broker, kafka_missing, kafka_spec
from aob.dev.errors import DevError
from aob.dev.kafka import SERVER_PROPERTIES
from aob.dev.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MISSING = kafka_missing()
pytestmark = pytest.mark.skipif(MISSING is not None, reason=str(MISSING))

TOPIC = "kept"
RECORDS = 500


def create_topic(bootstrap: str, name: str = TOPIC) -> None:
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for created in admin.create_topics([NewTopic(name, num_partitions=1, replication_factor=1)]).values():
        created.result(10)


def consumer(bootstrap: str, group: str = "readers") -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": group,
            "auto.offset.reset": "earliest",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "session.timeout.ms": 1000,
            "heartbeat.interval.ms": 300,
        }
    )


def read(bootstrap: str, count: int) -> list[bytes]:
    reader = consumer(bootstrap)
    reader.subscribe([TOPIC])
    values: list[bytes] = []
    deadline = time.monotonic() + 30
    while len(values) < count and time.monotonic() < deadline:
        values += [message.value() for message in reader.consume(count, 0.2) if message.error() is None]
    reader.commit(asynchronous=False)
    reader.close()
    return values


@pytest.fixture(scope="module")
def bootstrap(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with kafka_broker(tmp_path_factory.mktemp("kafka")) as address:
        yield address


def test_records_topics_and_offsets_survive_a_kill_9(tmp_path: Path) -> None:
    spec, bootstrap = kafka_spec(tmp_path)
    with running(spec, tmp_path / "kafka.log") as process:
        create_topic(bootstrap)
        producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True})
        for number in range(RECORDS):
            producer.produce(TOPIC, b"%d" % number)
        assert producer.flush(30) == 0
        assert read(bootstrap, 100) == [b"%d" % number for number in range(100)]
        process.send_signal(signal.SIGKILL)
        process.wait()

    with kafka_broker(tmp_path) as again:
        assert again == bootstrap
        assert read(bootstrap, RECORDS - 100) == [b"%d" % number for number in range(100, RECORDS)]


def test_a_transaction_reaches_those_who_read_committed(bootstrap: str) -> None:
    create_topic(bootstrap, "transactions")
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": "writer"})
    producer.init_transactions(30)
    for value, end in ((b"aborted", producer.abort_transaction), (b"committed", producer.commit_transaction)):
        producer.begin_transaction()
        producer.produce("transactions", value)
        producer.flush(30)
        end(30)

    reader = consumer(bootstrap, "transactions")
    reader.assign([TopicPartition("transactions", 0, 0)])
    message = reader.poll(30)
    reader.close()

    assert message.value() == b"committed"


def test_a_group_of_one_joins_at_once(bootstrap: str) -> None:
    create_topic(bootstrap, "joined")
    reader = consumer(bootstrap, "joiners")
    joined: list[TopicPartition] = []
    reader.subscribe(["joined"], on_assign=lambda _, partitions: joined.extend(partitions))
    deadline = time.monotonic() + 30
    while not joined and time.monotonic() < deadline:
        reader.poll(0.05)
    reader.close()
    assert joined

    broker = ConfigResource(ResourceType.BROKER, "1")
    admin = AdminClient({"bootstrap.servers": bootstrap})
    (described,) = admin.describe_configs([broker]).values()
    # By default a group waits 3 s for more members.
    assert described.result()["group.initial.rebalance.delay.ms"].value == "0"


def test_topics_are_not_made_by_using_them(bootstrap: str) -> None:
    producer = Producer({"bootstrap.servers": bootstrap, "topic.metadata.propagation.max.ms": 500})
    errors: list[int] = []
    producer.produce("misspelt", b"x", on_delivery=lambda error, _: errors.append(error.code()))
    producer.flush(30)

    assert errors == [KafkaError.UNKNOWN_TOPIC_OR_PART]


def test_only_this_machine_can_connect(tmp_path: Path) -> None:
    spec, _ = kafka_spec(tmp_path)
    with running(spec, tmp_path / "kafka.log") as process:
        connections = psutil.Process(process.pid).net_connections("tcp")
        listening = {
            found.laddr.ip.removeprefix("::ffff:") for found in connections if found.status == "LISTEN"
        }

    assert listening == {"127.0.0.1"}


def test_a_running_broker_can_be_used(bootstrap: str) -> None:
    service = external_broker(bootstrap)

    assert service.spec is None
    assert service.address == bootstrap


def test_a_stop_is_clean_and_quick(tmp_path: Path) -> None:
    spec, bootstrap = kafka_spec(tmp_path)
    with running(spec, tmp_path / "kafka.log") as process:
        process.terminate()
        process.wait(5)

    with pytest.raises((DevError, KafkaException)):
        external_broker(bootstrap)


def test_data_of_a_newer_kafka_are_refused(tmp_path: Path) -> None:
    (tmp_path / "version").write_text("4.11.0")

    with pytest.raises(DevError, match=r"written by Kafka 4\.11\.0, which is newer"):
        kafka_spec(tmp_path)


def test_a_folder_that_kafka_did_not_format_is_refused(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()

    with pytest.raises(DevError, match=r"meta\.properties is missing"):
        kafka_spec(tmp_path)


def test_a_broker_that_cannot_start_says_why(tmp_path: Path) -> None:
    spec, _ = kafka_spec(tmp_path)
    properties = tmp_path / "server.properties"
    properties.write_text(properties.read_text().replace("node.id=1", "node.id=2"))

    reason = r"(?s)kafka ended with exit code 1 before it was ready:.*the node id 2 must be included"
    with pytest.raises(DevError, match=reason), running(spec, tmp_path / "kafka.log"):
        pass


def test_offsets_are_kept_for_a_year() -> None:
    assert "offsets.retention.minutes=525600\n" in SERVER_PROPERTIES
