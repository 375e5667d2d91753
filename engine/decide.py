"""`decide`: a run and a fact to events and effects; `replay`: a run and the events to the same state."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.appliers import apply, begin
from engine.appliers.sweep import sweep
from engine.deciders import DECIDERS
from engine.effects import Effect, Reply
from engine.facts import (
    CancelRequested,
    Fact,
    PauseRequested,
    ResumeRequested,
    RunAdmitted,
    RunRefused,
    SignalReceived,
    WorkContinued,
)
from engine.flow.children import end_unborn
from engine.flow.finishing import sweep_again
from engine.flow.steps import work
from engine.flow.turn import Turn
from engine.state import ENDED, RunState
from engine.state.status import PAUSED

if TYPE_CHECKING:
    from engine.events import Event

_STARTS = (RunAdmitted, RunRefused)
_REQUESTS = (*_STARTS, CancelRequested, PauseRequested, ResumeRequested, SignalReceived)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was decided: `events` are numbered from `first_seq`, at time `at` (Unix ms).

    `ignored` says why nothing was.
    """

    first_seq: int
    at: int
    events: list[Event]
    effects: list[Effect]
    ignored: str | None = None


def decide(state: RunState, fact: Fact, at: int) -> Outcome:
    """Decide on a fact that stood in the log at `at` (Unix ms).

    Changes `state` in memory; nothing is written yet. A fact that is ignored changes nothing.
    """
    if not state.known and not isinstance(fact, _STARTS):
        outcome = _ignored(state, fact, at, "RUN_UNKNOWN", "the run does not exist")
        unborn = end_unborn(fact) if isinstance(fact, CancelRequested) else None
        if unborn is not None:
            outcome.effects.append(unborn)
        return outcome
    if state.known and state.header.workspace != fact.workspace:
        # A token is good for its own workspace; the run of another one does not exist for it.
        return _ignored(state, fact, at, "RUN_UNKNOWN", "the run does not exist")
    if state.known and state.header.status in ENDED:
        return _after_the_end(state, fact, at)
    idle = not state.known or state.header.head == state.header.tail or state.header.status == PAUSED
    first_seq = state.header.seq + 1 if state.known else 1
    turn = Turn(state, fact.workspace, at)
    DECIDERS[type(fact)](turn, fact)
    if turn.events or turn.steps:
        work(turn, remind=idle or turn.continuing)
    if turn.events and state.header.status in ENDED and not sweep(state):
        sweep_again(turn)
    return Outcome(first_seq, turn.at, turn.events, turn.effects, turn.ignored)


def _ignored(state: RunState, fact: Fact, at: int, code: str, message: str) -> Outcome:
    effects: list[Effect] = []
    if isinstance(fact, _REQUESTS) and fact.reply_to is not None:
        effects.append(
            Reply(
                command_id=fact.command_id,
                reply_to=fact.reply_to,
                ok=False,
                run_id=state.run_id,
                code=code,
                message=message,
            )
        )
    return Outcome(0, at, [], effects, message)


def _after_the_end(state: RunState, fact: Fact, at: int) -> Outcome:
    """A run that ended only cleans up, and answers those who come late."""
    header = state.header
    if isinstance(fact, _STARTS):
        message = f"the run {state.run_id} exists already, as {header.status}"
        return _ignored(state, fact, at, "RUN_EXISTS", message)
    if not isinstance(fact, WorkContinued):
        return _ignored(state, fact, at, "RUN_ENDED", f"the run has ended, as {header.status}")
    if fact.position != -1 - header.sweeps:
        return Outcome(0, at, [], [], "the clean-up is past this point")
    turn = Turn(state, header.workspace, header.at)
    if not sweep(state):
        sweep_again(turn)
    return Outcome(0, header.at, [], turn.effects)


def replay(state: RunState, workspace: str, at: int, events: list[Event]) -> None:
    """Make the changes of one decision again, as the log tells it."""
    begin(state, workspace, at)
    for event in events:
        apply(state, event)
    if state.header.status in ENDED:
        sweep(state)
