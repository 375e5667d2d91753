"""The end of a run: its output, who is told, and what is removed."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.effects import ScopeEntry
from engine.errors import NodeError
from engine.events import RunCancelled, RunCompleted, RunFailed
from engine.expressions import ExpressionError
from engine.facts import ChildEnded, WorkContinued
from engine.flow.inputs import Remote, gathered
from engine.flow.jobs import schedule_work
from engine.flow.stopping import stop
from engine.flow.turn import Turn, error_size
from engine.ids import aux_path
from engine.payload import NULL, Payload
from engine.state import NodeStatus
from engine.state.status import CANCELLED, COMPLETED, FAILED

OUTPUT: Final = aux_path("", "output")
_encode: Final = msgspec.json.Encoder().encode


def finish(turn: Turn) -> None:
    """Nothing is live and nothing is left to do: compensate, or end the run."""
    header = turn.run.header
    if not header.stopping:
        _complete(turn)
    elif header.compensations:
        graph = turn.run.graph
        undo = graph.nodes[header.compensations[-1]].compensate
        if undo is not None:
            turn.push("begin", graph.nodes[undo].id, 1)
    elif header.stopping == "failing":
        error = header.error or NodeError("UNKNOWN", "the run failed")
        turn.emit(RunFailed(error=error), error_size(error))
        told(turn, FAILED, NULL, error)
    else:
        turn.emit(RunCancelled(reason=header.reason))
        told(turn, CANCELLED, NULL, NodeError("CANCELLED", header.reason or "the run was cancelled"))


def _complete(turn: Turn) -> None:
    """The output is that of the one terminal node, or an object of those of several."""
    graph = turn.run.graph
    terminals = [graph.nodes[index].id for index in graph.terminals]
    if len(terminals) == 1:
        complete_with(turn, turn.run.node(terminals[0]).output or NULL)
        return
    entries = [
        ScopeEntry(name=f"nodes.{node_id}", payload=state.output)
        for node_id in terminals
        if (state := turn.run.node(node_id)).status is NodeStatus.SUCCEEDED
        and state.output is not None
        and not any(state.edges)  # of these only a loop has some: it went on by its time-out path
    ]
    try:
        output = gathered(turn, entries)
    except ExpressionError as error:
        stop(turn, "failing", NodeError(error.code, error.message))
        return
    if isinstance(output, Remote):
        schedule_work(turn, OUTPUT, 1, output)
    else:
        complete_with(turn, output)


def complete_with(turn: Turn, output: Payload) -> None:
    """The run ended well."""
    turn.emit(RunCompleted(output=output), output.size if output.ref is None else 0)
    told(turn, COMPLETED, output, None)


def told(turn: Turn, status: str, output: Payload, error: NodeError | None) -> None:
    """Tell the parent run and whoever waits how the run ended."""
    start, header = turn.run.start, turn.run.header
    if start.parent is not None:
        parent = start.parent
        turn.send(
            ChildEnded(
                workspace=header.workspace,
                run_id=parent.run_id,
                path=parent.path,
                attempt=parent.attempt,
                child_run_id=turn.run.run_id,
                status=status,
                output=output,
                error=error,
            ),
            output.size if output.ref is None else 0,
        )
    if start.reply_to is not None:
        turn.answer(
            start.command_id, start.reply_to, body=result_body(turn.run.run_id, status, output, error)
        )


def result_body(run_id: str, status: str, output: Payload, error: NodeError | None) -> bytes:
    """The result of a run as its starter gets it: `{run_id, status, output | artifact, error?}`."""
    body: dict[str, Any] = {"run_id": run_id, "status": status}
    if output.ref is not None:
        body["artifact"] = output.ref
    else:
        body["output"] = output.raw
    if error is not None:
        body["error"] = error
    return _encode(body)


def sweep_again(turn: Turn) -> None:
    """Ask for the next part of an ended run's clean-up."""
    header = turn.run.header
    turn.send(WorkContinued(workspace=header.workspace, run_id=turn.run.run_id, position=-1 - header.sweeps))
