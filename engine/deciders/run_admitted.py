"""What follows from `RunAdmitted`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import RunStarted
from engine.state import ENDED

if TYPE_CHECKING:
    from engine.facts import RunAdmitted
    from engine.flow.turn import Turn

DECIDE_VERSION = 1
"""What new runs are decided with. An old run stays with the version that it began with (design rule 4)."""


def decide(turn: Turn, fact: RunAdmitted) -> None:
    """Begin the run, once: the first start wins."""
    if turn.run.known and turn.run.header.seq:
        _again(turn, fact)
        return
    turn.emit(
        RunStarted(
            graph=fact.graph,
            inputs=fact.inputs,
            decide_version=DECIDE_VERSION,
            children=fact.children,
            workflow=fact.workflow,
            version=fact.version,
            key=fact.key,
            priority=fact.priority,
            author=fact.author,
            command_id=fact.command_id,
            requested_at=fact.requested_at,
            parent=fact.parent,
            depth=fact.depth,
            reply_to=fact.reply_to,
        ),
        0 if fact.inputs.ref else fact.inputs.size,
    )
    turn.push("starts")


def _again(turn: Turn, fact: RunAdmitted) -> None:
    """The same command told twice says nothing; another one for the same id is refused."""
    header = turn.run.header
    same = header.status not in ENDED and turn.run.start.command_id == fact.command_id
    if not same and header.status not in ENDED:
        turn.answer(
            fact.command_id,
            fact.reply_to,
            refused=("RUN_EXISTS", f"the run {turn.run.run_id} exists already, as {header.status}"),
        )
    turn.ignore("the run has begun already")
