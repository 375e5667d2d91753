"""`WorkflowRegistry`: the twin and the one on a real Kafka, under the same tests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from engine.errors import Refusal
from engine.workflow_versioned import WorkflowRegistered
from storage.kafka.topics import WORKFLOW_REGISTRY
from storage.registry import KafkaWorkflowRegistry, MemoryWorkflowRegistry, WorkflowRegistry, registry_key
from storage.wire import encode
from tests.support.kafka import Installation, free_port, installation, kafka_bootstrap, produce, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["installation", "kafka_bootstrap"]


@dataclass
class Rig:
    """A registry and the other side of its topic."""

    registry: WorkflowRegistry
    publish: Callable[[WorkflowRegistered], None]
    withdraw: Callable[[str], None]


def registered(seq: int, name: str = "etl") -> WorkflowRegistered:
    return WorkflowRegistered(
        workspace="acme",
        name=name,
        seq=seq,
        versions=[f"h{n}" for n in range(1, seq + 1)],
        tags={"main": seq},
    )


def record(seq: int, name: str = "etl") -> tuple[bytes, bytes]:
    return registry_key("acme", name).encode(), encode(registered(seq, name))


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
def rig(request: pytest.FixtureRequest) -> Iterator[Rig]:
    if request.param == "memory":
        memory = MemoryWorkflowRegistry()
        yield Rig(memory, memory.put, memory.remove)
        return
    bootstrap = request.getfixturevalue("installation").bootstrap

    def publish(workflow: WorkflowRegistered) -> None:
        produce(bootstrap, WORKFLOW_REGISTRY, [record(workflow.seq, workflow.name)])

    def withdraw(key: str) -> None:
        produce(bootstrap, WORKFLOW_REGISTRY, [(key.encode(), None)])

    registry = KafkaWorkflowRegistry(bootstrap)
    yield Rig(registry, publish, withdraw)
    registry.close()


def test_an_empty_registry_is_ready(rig: Rig) -> None:
    rig.registry.wait_ready()
    assert rig.registry.is_ready()
    assert rig.registry.names("acme") == []
    with pytest.raises(Refusal, match="there is no workflow 'etl'"):
        rig.registry.resolve("acme", "etl")


def test_what_is_published_is_resolved(rig: Rig) -> None:
    rig.registry.wait_ready()
    for seq in (1, 2):
        rig.publish(registered(seq))
    assert rig.registry.wait_for("acme", "etl", 2, 30)
    assert rig.registry.get("acme", "etl") == registered(2)
    assert rig.registry.resolve("acme", "etl") == (2, "h2")
    assert rig.registry.resolve("acme", "etl", version=1) == (1, "h1")
    assert rig.registry.names("acme") == ["etl"]
    assert not rig.registry.wait_for("acme", "etl", 3, 0.01)


def test_what_is_withdrawn_is_gone(rig: Rig) -> None:
    rig.registry.wait_ready()
    rig.publish(registered(1))
    assert rig.registry.wait_for("acme", "etl", 1, 30)
    rig.withdraw(registry_key("acme", "etl"))
    wait_until(lambda: rig.registry.get("acme", "etl") is None, "the workflow is gone")


@pytest.mark.integration
def test_all_that_was_published_before_is_known_when_it_is_ready(installation: Installation) -> None:
    records: list[tuple[bytes | None, bytes | None]] = [record(1, f"w{number}") for number in range(3000)]
    records += [(b"acme/w7", None), (b"acme/junk", b"junk"), (b"", b""), *(record(2, "w5"), record(1, "w5"))]
    produce(installation.bootstrap, WORKFLOW_REGISTRY, records)
    registry = KafkaWorkflowRegistry(installation.bootstrap)
    registry.wait_ready()
    assert len(registry.names("acme")) == 2999
    assert registry.resolve("acme", "w5") == (2, "h2")
    registry.close()
    assert not registry.is_ready()


@pytest.mark.integration
def test_without_a_broker_it_is_never_ready() -> None:
    registry = KafkaWorkflowRegistry(f"127.0.0.1:{free_port()}")
    with pytest.raises(Refusal, match="is Kafka up") as refused:
        registry.wait_ready(0.3)
    assert refused.value.code == "REGISTRY_UNAVAILABLE"
    registry.close()
