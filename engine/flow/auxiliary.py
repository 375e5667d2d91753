"""Auxiliary jobs: what a runner worked out for a node, and how the node goes on with it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import NodeError
from engine.events import NodeRouted
from engine.flow.children import start_child
from engine.flow.finishing import complete_with
from engine.flow.loops import go_on
from engine.flow.maps import open_with, part_gathered
from engine.flow.routing import combine
from engine.flow.settle import fail, succeed
from engine.flow.turn import EDGE_SIZE, Turn
from engine.flow.waits import wait_for
from engine.ids import base_path, place
from engine.payload import Payload, Ref

if TYPE_CHECKING:
    from engine.graph.graph import EdgeKind


def use(turn: Turn, path: str, attempt: int, value: Payload) -> None:
    """Step `use`: hand the result of the auxiliary job at `path` to what needed it, if that still goes on."""
    if turn.run.header.stopping:
        return
    purpose, base = place(path).aux or "", base_path(path)
    if purpose == "output":
        complete_with(turn, value)
        return
    owner = turn.run.node(base)
    if owner.resolving:
        _resolved(turn, purpose, base, attempt, value)
    elif not owner.status.live:
        return
    elif purpose == "condition":
        go_on(turn, base, again=value.value() is True)
    elif purpose == "gather":
        succeed(turn, base, 1, value)
    else:
        part_gathered(turn, base)


def _resolved(turn: Turn, purpose: str, path: str, attempt: int, value: Payload) -> None:
    if purpose == "items":
        # A runner tells `{count, sha256, size}` of a list that it has put into the CAS.
        told = value.value()
        open_with(turn, path, Payload(ref=Ref(told["sha256"], told["size"])), told["count"])
    elif purpose == "inputs":
        start_child(turn, path, attempt, value)
    elif purpose == "config":
        wait_for(turn, path, value.value())
    else:
        _route(turn, path, value)


def _route(turn: Turn, path: str, value: Payload) -> None:
    node = turn.run.graph.node(path)
    state = turn.run.node(path)
    values = value.value()
    if state.output is None or not isinstance(values, list):
        message = f"the conditions behind `{path}` have no values"
        fail(turn, path, state.attempt, NodeError("EXPRESSION_FAILED", message, path))
        return
    # A loop that is left by its time-out path asks no conditions.
    exit_kind: EdgeKind = "break" if node.body.type == "loop" else "normal"
    edges = combine(node, state.output, values, exit_kind)
    turn.emit(NodeRouted(path=path, start=0, edges=edges), EDGE_SIZE * len(edges))
    turn.push("out", path)
