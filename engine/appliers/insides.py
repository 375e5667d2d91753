"""What the beginning and the end of an item or an iteration mean for the map or the loop around it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from engine.ids import Place, visit_path

if TYPE_CHECKING:
    from engine.errors import NodeError
    from engine.payload import Payload
    from engine.state import MutableRun

_encode = msgspec.json.Encoder().encode

_READ_ITERATIONS = 2
"""The present iteration and the one before, whose output the present one may read."""


def open_inside(run: MutableRun, where: Place) -> None:
    """An item or an iteration began."""
    box = run.edit_node(where.owner).box
    if box is None:
        return
    box.live += 1
    if where.item is not None:
        box.next = max(box.next, where.item + 1)
    elif where.visit is not None:
        box.next = max(box.next, where.visit + 1)
        if where.visit >= _READ_ITERATIONS:
            run.drop_node(visit_path(where.owner, where.visit - _READ_ITERATIONS))


def close_inside(run: MutableRun, where: Place, output: Payload | None, error: NodeError | None) -> None:
    """An item or an iteration ended."""
    box = run.edit_node(where.owner).box
    if box is None:
        return
    box.live -= 1
    box.done += 1
    if output is not None:
        box.bytes += output.size
        box.refs += output.ref is not None
    if error is not None:
        box.bytes += len(_encode(error))
