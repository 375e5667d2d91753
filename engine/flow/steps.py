"""The kinds of steps, and the work on them until nothing is left, a bound is met or the run is paused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.events import RunContinued, RunDeferred
from engine.flow.auxiliary import use
from engine.flow.begin import begin
from engine.flow.edges import consider, follow, route
from engine.flow.finishing import finish
from engine.flow.loops import iterate, open_loop
from engine.flow.maps import fill, gather, open_map
from engine.flow.starts import begin_starts
from engine.flow.stopping import cancel_inside, cancel_nodes
from engine.payload import NULL
from engine.state import ENDED
from engine.state.status import PAUSED, RUNNING

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.flow.turn import Turn
    from engine.step import Step

STEPS_IN_CHUNK: Final = 256
"""A chunk of deferred steps is one key of the state and one event."""

TAKE_UP_SIZE: Final = 32 * 1024
"""Further chunks are taken up while the steps at hand are smaller than this, in bytes."""

TAKE_UP_CHUNKS: Final = 40


def _end(_turn: Turn, _path: str, _cursor: int) -> None:
    """Step `end`: nothing but the end of the run is left, and it did not fit into the decision before."""


STEPS: Final[dict[str, Callable[[Turn, str, int], None]]] = {
    "starts": begin_starts,
    "begin": begin,
    "out": follow,
    "consider": consider,
    "route": route,
    "open_map": open_map,
    "open_loop": open_loop,
    "fill": fill,
    "iterate": iterate,
    "gather": gather,
    "cancel": cancel_nodes,
    "cancel_inside": cancel_inside,
    "end": _end,
}


def work(turn: Turn, *, remind: bool) -> None:
    """Do what follows from the fact, and leave for later what does not fit.

    `remind`: no reminder about deferred steps is under way, so that one has to be sent if some are left.
    """
    header = turn.run.header
    while header.status not in ENDED:
        _work_off(turn)
        if turn.steps or not _is_over(turn):
            break
        if turn.full:
            turn.push("end")
            break
        finish(turn)
    if header.status in ENDED:
        return
    _defer(turn)
    if header.head < header.tail and header.status == RUNNING and remind:
        turn.remind()


def _work_off(turn: Turn) -> None:
    """Do steps up to the bounds; at least one, so that every decision gets further."""
    header = turn.run.header
    first = True
    while turn.steps and header.status != PAUSED and (first or not turn.full):
        _do(turn, turn.steps.popleft())
        first = False


def _do(turn: Turn, step: Step) -> None:
    if step.kind == "use":
        use(turn, step.path, step.cursor, step.value or NULL)
    else:
        STEPS[step.kind](turn, step.path, step.cursor)


def _is_over(turn: Turn) -> bool:
    header = turn.run.header
    return header.status == RUNNING and header.active == 0 and header.head == header.tail


def _defer(turn: Turn) -> None:
    while turn.steps:
        count = min(STEPS_IN_CHUNK, len(turn.steps))
        turn.emit(RunDeferred(steps=[turn.steps.popleft() for _ in range(count)]))


def take_up(turn: Turn) -> None:
    """Take up the oldest deferred steps: a pause leaves many small chunks."""
    header = turn.run.header
    for chunk in range(header.head, min(header.tail, header.head + TAKE_UP_CHUNKS)):
        steps = turn.run.steps(chunk)
        turn.emit(RunContinued(chunk=chunk))
        turn.take(steps)
        if len(turn.steps) >= STEPS_IN_CHUNK or turn.size >= TAKE_UP_SIZE:
            return
