"""Removing the state of an ended run, a bounded number of keys at a time; no event tells of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.ids import item_path, visit_path

if TYPE_CHECKING:
    from engine.graph import GraphNode
    from engine.state import Box, MutableRun

KEYS_IN_SWEEP: Final = 300


def sweep(run: MutableRun) -> bool:
    """Remove the next keys; true when only the header is left, which answers late duplicates.

    Of the header too there is left only what that takes: how the run ended, and when.
    """
    header = run.edit_header()
    nodes = run.graph.nodes if header.graph else []
    header.sweeps += 1
    budget = KEYS_IN_SWEEP
    while header.swept_node < len(nodes):
        budget = _sweep_node(run, nodes[header.swept_node], budget)
        if not budget:
            return False
        header.swept_node, header.swept_item = header.swept_node + 1, 0
    for chunk in range(header.head, header.tail):
        run.drop_steps(chunk)
    for name in header.signals:
        run.drop_signals(name)
    run.drop_start()
    header.graph, header.error, header.reason, header.stopping = "", None, None, ""
    header.signals, header.compensations = [], []
    header.head = header.tail = header.active = header.swept_node = header.sweeps = 0
    return True


def _sweep_node(run: MutableRun, node: GraphNode, budget: int) -> int:
    """What is left of the budget; 0 when the node is not done with."""
    box = run.node(node.id).box
    if box is not None and box.signal is not None:
        run.drop_signals(box.signal)
    if box is not None and node.body.type == "loop":
        for visit in (box.next - 1, box.next - 2):
            run.drop_node(visit_path(node.id, visit))
    if box is not None and node.body.type == "map":
        budget -= _sweep_items(run, node.id, box, budget)
        if run.header.swept_item < box.total:
            return 0
    run.drop_node(node.id)
    return max(0, budget - 1)


def _sweep_items(run: MutableRun, path: str, box: Box, budget: int) -> int:
    header = run.edit_header()
    first, header.swept_item = header.swept_item, min(box.total, header.swept_item + budget)
    for index in range(first, header.swept_item):
        if index < box.next:
            run.drop_node(item_path(path, index))
        if box.items is None:
            run.drop_items(path, index)
    return header.swept_item - first
