"""Bounds on what one job carries: what does not fit is put into the CAS first, by a runner, part by part.

The coordinator cannot write blobs. It hands outputs to a `gather` job, whose result is a list in the CAS, and
each node remembers its place in that list: whoever reads the node later finds it there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from engine.effects import Job, ScopeEntry
from engine.events import NodeScheduled
from engine.expressions import ExpressionError
from engine.ids import aux_path
from engine.payload import INLINE_LIMIT

if TYPE_CHECKING:
    from engine.flow.scope import Entries
    from engine.flow.turn import Turn

SCOPE_LIMIT: Final = 256 * 1024
"""Bytes of a scope above which outputs are stored first, and bytes of outputs that one job stores."""

SCOPE_MAX: Final = 576 * 1024
"""Bytes of a scope with all stored that can be; with the largest template it still fits into a record."""

REF_SIZE: Final = 128
"""Bytes of the word about a stored output, beside its name."""

ENTRY_SIZE: Final = 8
"""Bytes of an entry beside its name and its value."""

WORTH_STORING: Final = 2 * INLINE_LIMIT
"""Bytes of outputs below which a job is sent as it is: what a runner returns is stored above INLINE_LIMIT."""

_NODES: Final = "nodes."
_NAME_SIZE: Final = 3
"""Bytes of the quotes and the comma around a name in an event."""


def fitted(turn: Turn, entries: Entries) -> Entries:
    """The same scope, by reference where outputs are stored and it would not fit otherwise.

    ExpressionError SCOPE_TOO_LARGE when nothing can make it fit.
    """
    if _size(entries) <= SCOPE_LIMIT:
        return entries
    fitting = [_stored(turn, entry) for entry in entries]
    least = sum(REF_SIZE if _storable(entry) else _inline_size(entry) for entry in fitting) + _around(fitting)
    if least > SCOPE_MAX:
        message = (
            f"{len(entries)} values are read at once, which take {least} bytes even as references; "
            f"{SCOPE_MAX} fit into one job: read fewer, or put them together in several steps"
        )
        raise ExpressionError("SCOPE_TOO_LARGE", message)
    return fitting


def unstored(entries: Entries) -> Entries:
    """The outputs that a runner has to store before the scope fits into a job; empty when it fits."""
    if _size(entries) <= SCOPE_LIMIT:
        return []
    part: Entries = []
    size = 0
    for entry in entries:
        if not _storable(entry):
            continue
        if part and size + entry.payload.size > SCOPE_LIMIT:
            break
        part.append(entry)
        size += entry.payload.size
    return part if size >= WORTH_STORING else []


def store(turn: Turn, path: str, part: Entries) -> None:
    """Queue a job that stores outputs, on behalf of the instance at `path`."""
    ids = [entry.name.removeprefix(_NODES) for entry in part]
    # One instance may need several, one after the other, and each has to have an id of its own.
    number = turn.run.header.seq + 1
    names = sum(len(name) + _NAME_SIZE for name in ids)
    turn.emit(
        NodeScheduled(path=aux_path(path, "store"), attempt=number, node_type="gather", stores=ids), names
    )
    turn.send(
        Job(
            workspace=turn.run.header.workspace,
            run_id=turn.run.run_id,
            path=aux_path(path, "store"),
            attempt=number,
            kind="gather",
            created_at=turn.at,
            scope=[ScopeEntry(name="element", payload=entry.payload) for entry in part],
            priority=turn.run.header.priority,
        ),
        sum(entry.payload.size for entry in part),
    )


def _stored(turn: Turn, entry: ScopeEntry) -> ScopeEntry:
    if not _storable(entry):
        return entry
    stored = turn.run.node(entry.name.removeprefix(_NODES)).stored
    if stored is None or stored.payload is None:
        return entry
    return ScopeEntry(name=entry.name, payload=stored.payload, index=stored.index)


def _storable(entry: ScopeEntry) -> bool:
    """Whether it is the output of a node (`nodes.ID`, no error) that takes less room as a reference."""
    name, payload = entry.name, entry.payload
    return (
        payload.ref is None
        and payload.size > REF_SIZE
        and name.startswith(_NODES)
        and not name.endswith(".error")
    )


def _size(entries: Entries) -> int:
    return sum(map(_inline_size, entries)) + _around(entries)


def _inline_size(entry: ScopeEntry) -> int:
    return entry.payload.size if entry.payload.ref is None else REF_SIZE


def _around(entries: Entries) -> int:
    return sum(len(entry.name) + ENTRY_SIZE for entry in entries)
