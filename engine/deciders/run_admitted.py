"""What follows from `RunAdmitted`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.events import RunStarted
from engine.flow.turn import Turn, inline_size

if TYPE_CHECKING:
    from engine.facts import RunAdmitted

DECIDE_VERSION = 1
"""What new runs are decided with. An old run stays with the version that it began with (design rule 4)."""


def decide(turn: Turn, fact: RunAdmitted) -> None:
    """Begin the run, once: the first start wins."""
    if turn.run.known:
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
        inline_size(fact.inputs) + sum(len(name) + len(digest) for name, digest in fact.children.items()),
    )
    turn.push("starts")


def _again(turn: Turn, fact: RunAdmitted) -> None:
    """The same command told twice says nothing; another one for the same id is refused."""
    if turn.run.start.command_id != fact.command_id:
        message = f"the run {turn.run.run_id} exists already, as {turn.run.header.status}"
        turn.answer(fact.command_id, fact.reply_to, refused=("RUN_EXISTS", message))
    turn.ignore("the run has begun already")
