from __future__ import annotations

import threading

import pytest

from engine.errors import Refusal
from engine.workflow_versioned import WorkflowRegistered
from storage.registry import MemoryWorkflowRegistry, registry_key


def registered(name: str = "etl", seq: int = 3, workspace: str = "acme") -> WorkflowRegistered:
    return WorkflowRegistered(
        workspace=workspace, name=name, seq=seq, versions=["h1", "h2"], tags={"main": 2, "stable": 1}
    )


@pytest.fixture
def registry() -> MemoryWorkflowRegistry:
    registry = MemoryWorkflowRegistry()
    registry.put(registered())
    return registry


def refusal(registry: MemoryWorkflowRegistry, name: str, **which: object) -> Refusal:
    with pytest.raises(Refusal) as refused:
        registry.resolve("acme", name, **which)  # type: ignore[arg-type]
    return refused.value


def test_names_resolve_to_hashes(registry: MemoryWorkflowRegistry) -> None:
    assert registry.resolve("acme", "etl") == (2, "h2")
    assert registry.resolve("acme", "etl", tag="stable") == (1, "h1")
    assert registry.resolve("acme", "etl", version=1) == (1, "h1")
    assert registry.resolve("acme", "etl", tag="main", version=1) == (1, "h1")


def test_an_unknown_workflow_is_refused_with_what_is_near(registry: MemoryWorkflowRegistry) -> None:
    error = refusal(registry, "elt")
    assert error.code == "WORKFLOW_UNKNOWN"
    assert "did you mean 'etl'?" in error.message
    assert "did you mean" not in refusal(registry, "unlike").message


def test_unknown_tags_and_versions_are_refused(registry: MemoryWorkflowRegistry) -> None:
    error = refusal(registry, "etl", tag="stabel")
    assert error.code == "TAG_UNKNOWN"
    assert "did you mean 'stable'?" in error.message
    for version in (0, -1, 3):
        error = refusal(registry, "etl", version=version)
        assert error.code == "VERSION_UNKNOWN"
        assert "it has 1 to 2" in error.message


def test_workspaces_do_not_see_one_another(registry: MemoryWorkflowRegistry) -> None:
    registry.put(registered("secret", workspace="other"))
    assert registry.names("acme") == ["etl"]
    assert refusal(registry, "secrets").code == "WORKFLOW_UNKNOWN"
    assert "secret'" not in refusal(registry, "secrets").message.split("workflow", 1)[1].split("'", 2)[2]


def test_an_older_record_does_not_win(registry: MemoryWorkflowRegistry) -> None:
    registry.put(WorkflowRegistered(workspace="acme", name="etl", seq=2, versions=["h1"], tags={"main": 1}))
    assert registry.resolve("acme", "etl") == (2, "h2")


def test_a_removed_workflow_is_unknown(registry: MemoryWorkflowRegistry) -> None:
    registry.remove(registry_key("acme", "etl"))
    assert registry.get("acme", "etl") is None


def test_waiting_ends_when_the_version_arrives(registry: MemoryWorkflowRegistry) -> None:
    assert not registry.wait_for("acme", "etl", 4, 0.001)
    assert registry.wait_for("acme", "etl", 3, 0.001)
    seen: list[bool] = []
    waiter = threading.Thread(target=lambda: seen.append(registry.wait_for("acme", "etl", 4, 30)))
    waiter.start()
    registry.put(registered(seq=4))
    waiter.join(30)
    assert seen == [True]
