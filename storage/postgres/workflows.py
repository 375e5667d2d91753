"""Versions and tags of workflows in the projection: which records are new."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.postgres.errors import Conflict, Hole

if TYPE_CHECKING:
    from engine.workflow_versioned import WorkflowVersioned


def is_new(record: WorkflowVersioned, last_seq: int, known_hash: str | None) -> bool:
    """Whether to write a record, given the workflow's last number (0: none) and its version's stored hash.

    Hole when numbers are missing; Conflict when a version that came before had another definition.
    """
    if record.seq == last_seq + 1:
        return True
    if record.seq > last_seq:
        raise Hole(f"workflow {record.name}: record {last_seq + 1} is missing, the next one is {record.seq}")
    if record.version is not None and known_hash != record.definition_hash:
        raise Conflict(f"workflow {record.name}: version {record.version} came again with another definition")
    return False
