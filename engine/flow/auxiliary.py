"""Auxiliary jobs: what a runner worked out for a node, and how the node goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.events import NodeRouted
from engine.flow.begin import resume
from engine.flow.children import start_child
from engine.flow.edges import work_out_edges
from engine.flow.finishing import complete_with
from engine.flow.loops import go_on, iterate
from engine.flow.maps import open_with, part_gathered, work_out_items
from engine.flow.routing import combine
from engine.flow.settle import fail, fail_edges, succeed
from engine.flow.turn import EDGE_SIZE, Turn
from engine.flow.waits import wait_for
from engine.ids import aux_path, base_path, place
from engine.payload import Payload, Ref
from engine.state import NodeStatus

if TYPE_CHECKING:
    from engine.graph.graph import EdgeKind


def use(turn: Turn, path: str, attempt: int, value: Payload) -> None:
    """Step `use`: hand the result of the auxiliary job at `path` to what needed it, if that still goes on."""
    purpose, base = place(path).aux or "", base_path(path)
    if purpose == "store":
        _stored(turn, base, value)
        return
    if turn.run.header.stopping:
        return
    if purpose == "output":
        complete_with(turn, value)
        return
    owner = turn.run.node(base)
    if owner.resolving:
        _resolved(turn, purpose, base, attempt, value)
    elif not owner.status.live:
        return
    elif purpose == "condition":
        _ask(turn, base, value)
    elif purpose == "gather":
        succeed(turn, base, 1, value)
    else:
        part_gathered(turn, base)


def _stored(turn: Turn, path: str, value: Payload) -> None:
    """Go on where something had to be stored first: it may be that more has to."""
    owner, header = turn.run.node(path), turn.run.header
    if value.ref is None:
        message = "what was to be stored came back: the runner keeps values inline that are too large for it"
        fail(turn, aux_path(path, "store"), 1, NodeError("SCOPE_TOO_LARGE", message, path or None))
    elif not path:
        return  # the end of the run: it is looked at anew when nothing is left to do
    elif not owner.resolving:
        if owner.status.live and not header.stopping:
            iterate(turn, path, 0)
    elif owner.status is NodeStatus.SUCCEEDED:
        work_out_edges(turn, path)
    elif path in turn.run.graph.by_id and turn.run.graph.node(path).body.type == "map":
        if not header.stopping:
            work_out_items(turn, path, 1)
    else:
        resume(turn, path, owner.attempt + 1)


def _small(value: Payload) -> object:
    """An answer that has to be looked into; None when it is so large that it came as a reference."""
    return None if value.ref is not None else value.value()


def _resolved(turn: Turn, purpose: str, path: str, attempt: int, value: Payload) -> None:
    if purpose == "items":
        # A runner tells `{count, sha256, size}` of a list that it has put into the CAS.
        told = _small(value)
        if isinstance(told, dict):
            open_with(turn, path, Payload(ref=Ref(told["sha256"], told["size"])), told["count"])
        else:
            _fail_unread(turn, path, "EXPRESSION_FAILED", "the items", value)
    elif purpose == "inputs":
        start_child(turn, path, attempt, value)
    elif purpose == "config":
        _wait(turn, path, value)
    else:
        _route(turn, path, value)


def _wait(turn: Turn, path: str, value: Payload) -> None:
    config = _small(value)
    if isinstance(config, dict):
        wait_for(turn, path, config)
        return
    _fail_unread(turn, path, "WAIT_INVALID", "the time or signal", value)


def _ask(turn: Turn, path: str, value: Payload) -> None:
    again = _small(value)
    if isinstance(again, bool):
        go_on(turn, path, again=again)
    else:
        _fail_unread(turn, path, "EXPRESSION_FAILED", "the condition", value)


def _fail_unread(turn: Turn, path: str, code: str, what: str, value: Payload) -> None:
    message = f"{what} of `{path}` came out as {value.size} bytes that are not what is asked for"
    fail(turn, path, 1, NodeError(code, message, path))


def _route(turn: Turn, path: str, value: Payload) -> None:
    node = turn.run.graph.node(path)
    state = turn.run.node(path)
    values = _small(value)
    if state.output is None or not isinstance(values, list):
        message = f"the conditions behind `{path}` have no values that could be read"
        fail_edges(turn, path, NodeError("EXPRESSION_FAILED", message, path))
        return
    # A loop that is left by its time-out path asks no conditions.
    exit_kind: EdgeKind = "break" if node.body.type == "loop" else "normal"
    edges = combine(node, state.output, values, exit_kind)
    turn.emit(NodeRouted(path=path, start=0, edges=edges), EDGE_SIZE * len(edges))
    turn.push("out", path)
