"""What `NodeStarted` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.appliers.changes import move
from engine.appliers.insides import open_inside
from engine.ids import place
from engine.state import Box, MutableRun, NodeStatus

if TYPE_CHECKING:
    from engine.events import NodeStarted

_items = msgspec.json.Decoder(list[msgspec.Raw])


def apply(run: MutableRun, event: NodeStarted) -> None:
    """A node is under way. What it brings with it depends on its type."""
    node = run.edit_node(event.path)
    began = node.status != NodeStatus.PENDING or node.resolving
    move(run, event.path, node, NodeStatus.WAITING if event.node_type == "wait" else NodeStatus.RUNNING)
    node.attempt = event.attempt
    if event.worker is not None:
        return
    node.resolving = False
    if not began and event.path not in run.graph.by_id:
        where = place(event.path)
        if where.aux is None:  # else a child run that its node no longer waits for
            open_inside(run, where)
    node.box = Box(total=event.total or 0, child_run_id=event.child_run_id, signal=event.signal)
    if event.items is not None and event.items.ref is not None:
        node.box.items = event.items
    elif event.items is not None:
        run.put_items(event.path, _items.decode(event.items.json))
    if event.signal is not None:
        _await_signal(run, event.signal, event.path)


def _await_signal(run: MutableRun, name: str, path: str) -> None:
    signals = run.edit_signals(name)
    if signals.kept:
        # It came before anybody waited: the decision goes on with this node's success.
        signals.kept.pop(0)
    else:
        signals.waiting.append(path)
