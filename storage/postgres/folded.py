"""What decisions come to: the last state of each run and node, named as the columns are.

The same structs hold a batch on its way to Postgres (where None means: as it was) and the whole of the twin
in memory. Times are Unix ms; JSON is text as the events carry it.
"""

from __future__ import annotations

import msgspec


class FoldedRun(msgspec.Struct):
    """A run, or what a batch changes of it. `born` says that the batch holds its first event."""

    run_id: str
    workspace: str
    last_seq: int = 0
    born: bool = False
    workflow: str | None = None
    version: int | None = None
    graph: str | None = None
    graph_rev: int = 0
    status: str | None = None
    stopping: str | None = None
    key: str | None = None
    priority: str | None = None
    author: str | None = None
    command_id: str | None = None
    parent_run_id: str | None = None
    parent_path: str | None = None
    inputs: bytes | None = None
    inputs_ref: bytes | None = None
    output: bytes | None = None
    output_ref: bytes | None = None
    error: bytes | None = None
    created_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None


class FoldedNode(msgspec.Struct):
    """A node instance, or what a batch changes of it.

    Type, start and child stay when they are not set; all else is as the last event left it.
    """

    run_id: str
    path: str
    status: str
    updated_seq: int
    node_type: str | None = None
    attempt: int = 0
    started_at: int | None = None
    ended_at: int | None = None
    output: bytes | None = None
    output_ref: bytes | None = None
    error: bytes | None = None
    child_run_id: str | None = None


class FoldedArtifact(msgspec.Struct, frozen=True):
    """A blob that events refer to, with the run that did so first."""

    workspace: str
    sha256: str
    size: int
    media_type: str
    first_run_id: str


class Folded(msgspec.Struct):
    """Runs by id, nodes by run and path, artifacts by workspace and hash."""

    runs: dict[str, FoldedRun] = {}
    nodes: dict[tuple[str, str], FoldedNode] = {}
    artifacts: dict[tuple[str, str], FoldedArtifact] = {}
