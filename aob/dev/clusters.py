"""A broker or a database for the time of a `with` block: for tests and benchmarks."""

from __future__ import annotations

import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING

from aob.dev.broker import usable_java
from aob.dev.database import embedded_postgres
from aob.dev.errors import DevError
from aob.dev.kafka import prepare_kafka
from aob.dev.kafka_jars import INSTALL_JAVA, INSTALL_MAVEN, MIN_JAVA, find_kafka_jars
from aob.dev.ports import HOST, PortBook
from aob.dev.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from aob.dev.process import ProcessSpec


def kafka_missing() -> str | None:
    """Say why no embedded Kafka can run here, None when it can: the reason that a skipped test gives."""
    if usable_java() is None:
        return f"a real Kafka needs Java {MIN_JAVA} or newer. {INSTALL_JAVA}"
    if not find_kafka_jars() and shutil.which("mvn") is None:
        return f"Kafka's jars are not in the cache and Maven is missing. {INSTALL_MAVEN}"
    return None


def kafka_spec(data_dir: Path, port: int | None = None) -> tuple[ProcessSpec, str]:
    """Prepare a Kafka with its data in `data_dir`; returns how to run it and its bootstrap address.

    Args:
        data_dir: Kept; the same one later holds the same topics and uses the same port while that is free.
        port: Port of its listener; any free one when None.

    Raises:
        DevError: It cannot run here.
    """
    java = usable_java()
    if java is None:
        raise DevError(str(kafka_missing()))
    data_dir.mkdir(parents=True, exist_ok=True)
    ports = PortBook(data_dir / "ports.json")
    port = ports.allot("kafka") if port is None else ports.claim("kafka", port, "port")
    spec = prepare_kafka(data_dir, port, ports.allot("kafka-controller"), java, lambda _: None)
    return spec, f"{HOST}:{port}"


@contextmanager
def kafka_broker(data_dir: Path, port: int | None = None) -> Iterator[str]:
    """Run a Kafka on the loopback interface; yields its bootstrap address. See `kafka_spec`.

    Raises:
        DevError: It cannot run here, or does not start.
    """
    spec, bootstrap = kafka_spec(data_dir, port)
    with running(spec, data_dir / "kafka.log"):
        yield bootstrap


@contextmanager
def postgres(data_dir: Path) -> Iterator[str]:
    """Run a PostgreSQL with its data in `data_dir`, which is kept; yields the DSN of its database `aob`.

    Raises:
        DevError: It cannot run here, or does not start.
    """
    service = embedded_postgres(data_dir)
    if service.spec is None:
        raise DevError("an embedded database has a process")
    with running(service.spec, data_dir / "postgres.log"):
        yield service.address
