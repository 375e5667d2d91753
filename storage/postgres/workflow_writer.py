"""Versions and tags of workflows into their tables, inside a transaction of the caller."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg.types.json import Json

from storage.postgres.fold import clean
from storage.postgres.statements import statements
from storage.postgres.workflows import is_new

if TYPE_CHECKING:
    from collections.abc import Iterable

    import psycopg

    from engine.workflow_versioned import WorkflowVersioned

_SQL = statements("projection")


def write_workflows(cursor: psycopg.Cursor, records: Iterable[WorkflowVersioned]) -> int:
    """Write what is new, in order, and return how many records that were. Hole, Conflict."""
    return sum(_write(cursor, record) for record in records)


def _write(cursor: psycopg.Cursor, record: WorkflowVersioned) -> bool:
    names = {"workspace": record.workspace, "name": clean(record.name), "version": record.version}
    row = cursor.execute(_SQL["workflow_position"], names).fetchone()
    last_seq, known_hash = row or (0, None)
    if not is_new(record, last_seq, known_hash):
        return False
    values = names | {
        "at": record.at,
        "seq": record.seq,
        "author": clean(record.author),
        "latest": record.version or 0,
        "tag": clean(record.tag),
        "tag_version": record.tag_version,
        "definition_hash": record.definition_hash,
        "definition": None if record.definition is None else Json(record.definition, dumps=bytes),
    }
    cursor.execute(_SQL["put_workflow"], values)
    if record.version is not None:
        cursor.execute(_SQL["add_version"], values)
    cursor.execute(_SQL["put_tag"], values)
    return True
