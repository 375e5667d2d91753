"""One small file a thing, exactly one applier an event, exactly one decider a fact, one handler a step."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import msgspec
import pytest

import engine.appliers
import engine.commands
import engine.deciders
import engine.effects
import engine.events
import engine.facts
from engine.appliers import APPLIERS
from engine.deciders import DECIDERS
from engine.effects import Effect
from engine.events import Event
from engine.facts import Fact
from engine.flow.steps import STEPS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

PARTS_OF_OTHERS = {"Parent", "ScopeEntry"}
"""Structs that are no event, fact, command or effect of their own."""


def snake(name: str) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def modules(package: ModuleType) -> Iterator[ModuleType]:
    folder = Path(str(package.__file__)).parent
    for file in sorted(folder.glob("*.py")):
        if file.name != "__init__.py":
            yield importlib.import_module(f"{package.__name__}.{file.stem}")


def structs(module: ModuleType) -> list[type]:
    return [
        kind
        for _, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, msgspec.Struct) and kind.__module__ == module.__name__
    ]


@pytest.mark.parametrize("package", [engine.events, engine.facts, engine.commands, engine.effects])
def test_every_file_holds_one_struct_of_its_name(package: ModuleType) -> None:
    for module in modules(package):
        own = [kind for kind in structs(module) if kind.__name__ != "ScopeEntry"]
        assert [snake(kind.__name__) for kind in own] == [module.__name__.rpartition(".")[2]]
        assert own[0].__doc__


def test_every_event_has_exactly_one_applier_in_a_file_of_its_name() -> None:
    assert set(APPLIERS) == set(get_args(Event))
    assert len({id(applier) for applier in APPLIERS.values()}) == len(APPLIERS)
    for event, applier in APPLIERS.items():
        assert applier.__module__ == f"engine.appliers.{snake(event.__name__)}"


def test_every_fact_has_exactly_one_decider_in_a_file_of_its_name() -> None:
    assert set(DECIDERS) == set(get_args(Fact))
    assert len({id(decider) for decider in DECIDERS.values()}) == len(DECIDERS)
    for fact, decider in DECIDERS.items():
        assert decider.__module__ == f"engine.deciders.{snake(fact.__name__)}"


@pytest.mark.parametrize(
    ("package", "union"), [(engine.events, Event), (engine.facts, Fact), (engine.effects, Effect)]
)
def test_the_union_names_every_struct_of_the_folder(package: ModuleType, union: object) -> None:
    found = {kind for module in modules(package) for kind in structs(module)}
    missing = {kind.__name__ for kind in found - set(get_args(union))}
    assert missing <= PARTS_OF_OTHERS


def test_events_have_types_of_their_own() -> None:
    tags = [event.__struct_config__.tag for event in get_args(Event)]
    assert len(set(tags)) == len(tags)
    assert all(re.fullmatch(r"(run|node|signal)\.[a-z]+", tag) for tag in tags)


def test_every_step_that_is_queued_has_a_handler() -> None:
    folder = Path(str(engine.__path__[0]))
    source = "".join(
        file.read_text() for name in ("flow", "deciders") for file in (folder / name).glob("*.py")
    )
    queued = set(re.findall(r'(?:push|Step)\(\s*f?"([a-z_]+)[{"]', source)) - {"open_", "use"}
    assert queued | {"open_map", "open_loop"} | {"fill", "iterate"} == set(STEPS)
