"""Bulk writing of what a batch was folded to, inside a transaction of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.postgres.statements import statements
from storage.wire.codec import WireError
from storage.wire.peek import kind_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import psycopg

    from storage.postgres.folded import Folded, FoldedNode, FoldedRun
    from storage.postgres.salvage import Numbered

_SQL = statements("projection")

# In COPY's binary format a json column takes the bytes of its text, so they are handed over as they are.
_JSON = "bytea"
_LOG_TYPES = ["text", "text", "int8", "int8", "int8", "text", "bytea", "int4", "int8", _JSON]
_BORN_TYPES = [
    *["text", "text", "int8", "text", "int8", "text", "int4"],
    *["text"] * 8,
    *[_JSON] * 5,
    *["int8"] * 3,
]
_RUN_TYPES = ["text", "text", "text", _JSON, _JSON, _JSON, "int8", "int8"]
_NODE_TYPES = ["text", "text", "text", "int8", "text", "int4", "int8", "int8", _JSON, _JSON, _JSON, "text"]

UNKNOWN = "unknown"
"""The cause's type when its schema is none of ours: the log keeps it all the same."""


def write_log(cursor: psycopg.Cursor, decisions: Iterable[Numbered]) -> None:
    """Append decisions to the event log."""
    rows = (
        (
            raw.workspace,
            raw.run_id,
            raw.first_seq,
            last_seq,
            raw.at,
            _cause_type(raw.cause),
            raw.cause,
            raw.partition,
            raw.offset,
            raw.events,
        )
        for raw, _, last_seq, _ in decisions
    )
    _copy(cursor, "copy_log", _LOG_TYPES, rows)


def write_folded(cursor: psycopg.Cursor, folded: Folded) -> None:
    """Add what is new, and lay what changed over what stands there."""
    runs = folded.runs.values()
    if born := [run for run in runs if run.born]:
        _copy(cursor, "copy_born", _BORN_TYPES, map(_born_row, born))
    if changed := [run for run in runs if not run.born]:
        _copy(cursor, "copy_runs", _RUN_TYPES, map(_run_row, changed))
        cursor.execute(_SQL["update_runs"])
    if folded.nodes:
        _copy(cursor, "copy_nodes", _NODE_TYPES, map(_node_row, folded.nodes.values()))
        cursor.execute(_SQL["upsert_nodes"])
    if folded.artifacts:
        rows = [
            (a.workspace, a.sha256, a.size, a.media_type, a.first_run_id) for a in folded.artifacts.values()
        ]
        # In one order everywhere: two writers that meet in the same hash must not wait for each other.
        cursor.executemany(_SQL["add_artifact"], sorted(rows))


def _copy(cursor: psycopg.Cursor, name: str, types: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    with cursor.copy(_SQL[name]) as copy:
        copy.set_types(types)
        for row in rows:
            copy.write_row(row)


def _cause_type(cause: bytes) -> str:
    try:
        return kind_of(cause)
    except WireError:
        return UNKNOWN


def _born_row(run: FoldedRun) -> tuple[object, ...]:
    return (
        run.run_id,
        run.workspace,
        run.last_seq,
        run.workflow,
        run.version,
        run.graph,
        run.graph_rev,
        run.status,
        run.stopping,
        run.key,
        run.priority,
        run.author,
        run.command_id,
        run.parent_run_id,
        run.parent_path,
        run.inputs,
        run.inputs_ref,
        run.output,
        run.output_ref,
        run.error,
        run.created_at,
        run.started_at,
        run.ended_at,
    )


def _run_row(run: FoldedRun) -> tuple[object, ...]:
    return (
        run.run_id,
        run.status,
        run.stopping,
        run.output,
        run.output_ref,
        run.error,
        run.ended_at,
        run.last_seq,
    )


def _node_row(node: FoldedNode) -> tuple[object, ...]:
    return (
        node.run_id,
        node.path,
        node.status,
        node.updated_seq,
        node.node_type,
        node.attempt,
        node.started_at,
        node.ended_at,
        node.output,
        node.output_ref,
        node.error,
        node.child_run_id,
    )
