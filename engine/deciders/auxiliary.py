"""Going on with a node for which a job worked something out."""

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
from engine.flow.waits import wait_for
from engine.ids import base_path, place
from engine.payload import Payload, Ref

if TYPE_CHECKING:
    from engine.flow.turn import Turn


def go_on_with(turn: Turn, path: str, attempt: int, value: Payload) -> None:
    """Hand the result of the auxiliary job at `path` to what needed it."""
    purpose, base = place(path).aux or "", base_path(path)
    if purpose == "items":
        _open_map(turn, base, value)
    elif purpose == "edges":
        _route(turn, base, value)
    elif purpose == "inputs":
        start_child(turn, base, attempt, value)
    elif purpose == "config":
        wait_for(turn, base, value.value())
    elif purpose == "condition":
        go_on(turn, base, again=value.value() is True)
    elif purpose == "output":
        complete_with(turn, value)
    elif purpose == "gather":
        succeed(turn, base, 1, value)
    else:
        part_gathered(turn, base)


def _open_map(turn: Turn, path: str, value: Payload) -> None:
    """A runner tells `{count, sha256, size}` of a list that it has put into the CAS."""
    told = value.value()
    open_with(turn, path, Payload(ref=Ref(told["sha256"], told["size"])), told["count"])


def _route(turn: Turn, path: str, value: Payload) -> None:
    node = turn.run.graph.node(path)
    output = turn.run.node(path).output
    values = value.value()
    if output is None or not isinstance(values, list):
        fail(
            turn,
            path,
            1,
            NodeError("EXPRESSION_FAILED", f"the conditions behind `{path}` have no values", path),
        )
        return
    edges = combine(node, output, values, "normal")
    turn.emit(NodeRouted(path=path, start=0, edges=edges))
    turn.push("out", path)
