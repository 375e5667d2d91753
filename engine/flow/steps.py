"""The kinds of steps, and the work on them until nothing is left, a bound is met or the run is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.appliers.sweep import sweep
from engine.events import RunContinued, RunDeferred
from engine.flow.begin import begin
from engine.flow.edges import follow
from engine.flow.finishing import finish, sweep_again
from engine.flow.loops import iterate, open_loop
from engine.flow.maps import fill, gather, open_map
from engine.flow.starts import begin_starts
from engine.flow.stopping import cancel_inside, cancel_nodes
from engine.state import ENDED, MutableRun
from engine.state.status import PAUSED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.flow.turn import Turn

STEPS_IN_CHUNK: Final = 256
"""A chunk of deferred steps is one key of the state and one event."""

STEPS: Final[dict[str, Callable[[Turn, str, int], None]]] = {
    "starts": begin_starts,
    "begin": begin,
    "out": follow,
    "open_map": open_map,
    "open_loop": open_loop,
    "fill": fill,
    "iterate": iterate,
    "gather": gather,
    "cancel": cancel_nodes,
    "cancel_inside": cancel_inside,
}


def work(turn: Turn, state: MutableRun, *, remind: bool) -> None:
    """Do what follows from the fact, and leave for later what does not fit.

    `remind`: no reminder about deferred steps is under way, so that one has to be sent if some are left.
    """
    header = state.header
    while True:
        while turn.steps and not turn.full and header.status != PAUSED:
            step = turn.steps.popleft()
            STEPS[step.kind](turn, step.path, step.cursor)
        if turn.steps or not _is_over(turn):
            break
        finish(turn)
        if header.status in ENDED:
            if not sweep(state):
                sweep_again(turn)
            return
    _defer(turn)
    if header.head < header.tail and header.status == RUNNING and remind:
        turn.remind()


def _is_over(turn: Turn) -> bool:
    header = turn.run.header
    return header.status == RUNNING and header.active == 0 and header.head == header.tail and not turn.full


def _defer(turn: Turn) -> None:
    while turn.steps:
        count = min(STEPS_IN_CHUNK, len(turn.steps))
        turn.emit(RunDeferred(steps=[turn.steps.popleft() for _ in range(count)]))


def take_up(turn: Turn) -> None:
    """Take up the oldest deferred steps."""
    chunk = turn.run.header.head
    steps = turn.run.steps(chunk)
    turn.emit(RunContinued(chunk=chunk))
    turn.steps.extend(steps)
