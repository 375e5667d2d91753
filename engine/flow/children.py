"""Composites: a definition that runs as a child run, with a log of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.errors import NodeError
from engine.events import NodeStarted
from engine.expressions import ExpressionError
from engine.facts import ChildEnded, Parent, RunAdmitted
from engine.facts.cancel_requested import PARENT
from engine.flow.inputs import Remote, resolve
from engine.flow.jobs import schedule_work
from engine.flow.places import body_at
from engine.flow.settle import arm, fail
from engine.ids import aux_path, child_run_id
from engine.payload import GATHER_LIMIT, Payload
from engine.state.status import CANCELLED

if TYPE_CHECKING:
    from engine.facts import CancelRequested
    from engine.flow.turn import Turn
    from engine.graph import Body

MAX_DEPTH: Final = 16
"""Runs within runs; a workflow that calls itself ends here."""


def open_composite(turn: Turn, path: str, attempt: int) -> None:
    """Work out the inputs, then start the child."""
    body = body_at(turn.run.graph, path)
    if body is None:
        return
    try:
        source = resolve(turn, path, body, GATHER_LIMIT)
    except ExpressionError as error:
        fail(turn, path, attempt, NodeError(error.code, error.message, path))
        return
    if isinstance(source, Remote):
        schedule_work(turn, aux_path(path, "inputs"), attempt, source)
    else:
        start_child(turn, path, attempt, source)


def start_child(turn: Turn, path: str, attempt: int, inputs: Payload) -> None:
    """Write the start of a child run into the child's own log."""
    start, header = turn.run.start, turn.run.header
    body = body_at(turn.run.graph, path)
    graph = start.children.get(body.child or "") if body is not None else None
    if body is None or graph is None:
        message = (
            f"the definition `{body.child if body else path}` was not resolved when the run was admitted"
        )
        fail(turn, path, attempt, NodeError("CHILD_UNKNOWN", message, path))
        return
    if start.depth >= MAX_DEPTH:
        fail(
            turn, path, attempt, NodeError("CHILD_TOO_DEEP", f"runs are nested deeper than {MAX_DEPTH}", path)
        )
        return
    run_id = child_run_id(turn.run.run_id, path, attempt)
    turn.emit(NodeStarted(path=path, attempt=attempt, node_type="composite", child_run_id=run_id))
    turn.send(
        RunAdmitted(
            workspace=header.workspace,
            run_id=run_id,
            command_id=run_id,
            author=start.author,
            graph=graph,
            children=start.children,
            workflow=_name(body),
            inputs=inputs,
            priority=start.priority,
            requested_at=turn.at,
            parent=Parent(run_id=turn.run.run_id, path=path, attempt=attempt),
            depth=start.depth + 1,
        ),
        inputs.size if inputs.ref is None else 0,
    )
    if body.timeout_ms is not None:
        arm(turn, path, attempt, "timeout", turn.at + body.timeout_ms)


def end_unborn(fact: CancelRequested) -> ChildEnded | None:
    """What the parent hears that cancels a child run which never began; None when no parent asks."""
    asked_by = fact.command_id.split("/")
    if fact.author != PARENT or len(asked_by) != 3:  # noqa: PLR2004 (a job id has three parts)
        return None
    run_id, path, attempt = asked_by
    return ChildEnded(
        workspace=fact.workspace,
        run_id=run_id,
        path=path,
        attempt=int(attempt),
        child_run_id=fact.run_id,
        status=CANCELLED,
        error=NodeError("RUN_UNKNOWN", "the child run never began", path),
    )


def _name(body: Body) -> str | None:
    """What the child's workflow is called: by name, or by its inline definition."""
    definition = body.config.get("definition")
    if isinstance(definition, dict):
        return definition.get("name")
    return body.config.get("workflow")
