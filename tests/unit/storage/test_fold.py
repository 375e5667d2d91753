"""The fold knows every event, its statuses are the engine's, and batches do not matter."""

from __future__ import annotations

import typing

import msgspec

from engine.events import Event
from engine.payload import inline
from engine.state import status
from storage.postgres import statuses
from storage.postgres.fold import FOLDERS, fold
from storage.postgres.folded import Folded
from storage.postgres.salvage import Unreadable, number
from tests.support.decisions import Run


def test_every_event_type_is_folded_or_passed_by_on_purpose() -> None:
    assert set(FOLDERS) == {*typing.get_args(Event), Unreadable}


def test_statuses_are_the_engines() -> None:
    nodes = {value for name, value in vars(statuses).items() if name.startswith("NODE_")}
    runs = {value for name, value in vars(statuses).items() if name.startswith("RUN_")}

    assert nodes == {member.name for member in status.NodeStatus} - {"PENDING"}
    # What a run waits for is seen in its nodes: readers call it WAITING, the engine does not.
    assert runs - {statuses.RUN_WAITING} == status.ENDED | {status.RUNNING, status.PAUSED}
    assert statuses.ENDED == status.ENDED


def test_a_batch_holds_the_last_state_alone() -> None:
    folded = fold(map(number, Run("r0_a").chain(50)))

    assert len(folded.runs) == 1
    assert len(folded.nodes) == 50
    assert folded.runs["r0_a"].last_seq == 102
    assert folded.runs["r0_a"].born


def test_a_batch_without_the_start_says_only_what_it_changes() -> None:
    folded = fold(map(number, Run("r0_a").chain(2)[1:2]))

    run = folded.runs["r0_a"]
    changed = {
        field: value for field, value in msgspec.structs.asdict(run).items() if value not in (None, False, 0)
    }
    assert changed == {"run_id": "r0_a", "workspace": "default", "last_seq": 4}


def test_folding_on_is_folding_at_once() -> None:
    decisions = [number(raw) for raw in Run("r0_a").chain(5, inline("x"))]
    onto = Folded()
    for decision in decisions:
        fold([decision], onto)

    assert onto == fold(decisions)
