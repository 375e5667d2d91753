"""Admission when something else fails: it waits, ends, or lays the record aside."""

from __future__ import annotations

import pytest

from engine.dead_letter import DeadLetter
from engine.facts import RunRefused
from engine.payload import inline_json
from storage.cas import CasUnavailable
from streams.admission.starts import RegistryLost
from streams.runtime.pauses import NotNow
from tests.unit.streams.admission_world import LARGE, World, signal, start


@pytest.fixture
def world() -> World:
    return World()


def test_a_start_waits_while_the_names_or_the_store_are_away(world: World) -> None:
    world.registry.unavailable = True
    with pytest.raises(NotNow, match="could not be read"):
        world.tell(start(definition=None, workflow="new"))
    world.registry.unavailable = False
    world.store.error = CasUnavailable("the disk is gone")
    for command in (start(), start(inputs=inline_json(LARGE)), signal(payload=inline_json(LARGE))):
        with pytest.raises(NotNow, match="the disk is gone"):
            world.tell(command)
    world.store.error = None
    (fact,) = world.tell(start(definition=None, workflow="new"))
    assert isinstance(fact, RunRefused)
    assert fact.code == "WORKFLOW_UNKNOWN"


def test_admission_ends_when_nobody_reads_the_names(world: World) -> None:
    world.registry.alive = False
    with pytest.raises(RegistryLost):
        world.starts.require_registry()
    with pytest.raises(RegistryLost):
        world.tell(start())


@pytest.mark.parametrize("error", [MemoryError(), OSError("no disk")])
def test_what_is_wrong_with_the_machine_ends_the_process(world: World, error: Exception) -> None:
    world.store.error = error
    with pytest.raises(type(error)):
        world.tell(start())


@pytest.mark.parametrize("error", [RecursionError("deep"), ValueError("odd"), KeyError("x" * 5000)])
def test_what_fails_for_good_is_laid_aside_and_told(world: World, error: Exception) -> None:
    world.store.error = error
    fact, letter = world.tell(start())
    assert isinstance(fact, RunRefused)
    assert isinstance(letter, DeadLetter)
    assert fact.code == letter.code == "ADMISSION_FAILED"
    assert type(error).__name__ in letter.reason
    (alone,) = world.tell(signal(reply_to=None, payload=inline_json(LARGE)))
    assert isinstance(alone, DeadLetter)
