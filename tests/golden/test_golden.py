"""What was decided once is decided so for ever, and appliers make the same state of it."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.decide import decide, replay
from engine.facts import WorkContinued
from engine.state import ENDED, RunState
from tests.golden.logs import read
from tests.golden.record import FOLDER, RUNS
from tests.support.machine import Store

FILES = sorted(Path(__file__).parent.glob("v*/*.json"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_recorded_logs_give_the_events_that_they_gave(path: Path) -> None:
    log = read(path)
    live: dict[str, Store] = {}
    replayed: dict[str, Store] = {}
    for number, line in enumerate(log.lines):
        fact = line.read()
        state = RunState(fact.run_id, live.setdefault(fact.run_id, Store()), log)
        outcome = decide(state, fact, line.at)
        state.flush()
        assert msgspec.json.decode(msgspec.json.encode(outcome.events)) == line.events, f"line {number}"
        # A part of the clean-up of an ended run has no events.
        if outcome.events or (isinstance(fact, WorkContinued) and outcome.ignored is None):
            copy = RunState(fact.run_id, replayed.setdefault(fact.run_id, Store()), log)
            replay(copy, fact.workspace, outcome.at, outcome.events)
            copy.flush()
        assert replayed[fact.run_id] == live[fact.run_id]
    for run_id, store in live.items():
        assert RunState(run_id, store, log).header.status in ENDED
        assert list(store) == ["h"]


def test_every_run_is_recorded() -> None:
    assert {f"{run.__name__}.json" for run in RUNS} == {path.name for path in FOLDER.glob("*.json")}
