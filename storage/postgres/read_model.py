"""What api and fanout ask the projection."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from storage.postgres.rows import (
    ArtifactRow,
    NodeRow,
    Page,
    RunRow,
    TimelineEvent,
    VersionRow,
    WorkflowRow,
    node_row,
    raw,
    read_run_cursor,
    run_cursor,
    run_row,
)
from storage.postgres.statements import statements
from storage.postgres.statuses import RUN_RUNNING, RUN_WAITING
from storage.postgres.timeline import expand

if TYPE_CHECKING:
    from storage.postgres.pool import Parameters, Pool

_SQL = statements("read_model")

LOG_ROWS = 100
"""Decisions that are read at a time: each may hold 200 events and 256 KiB."""

_NO_VERSION = 2**62
_WAITING = _SQL["waiting"]
_RUN, _RUNS = (_SQL[name].replace(b"{waiting}", _WAITING) for name in ("run", "runs"))


class ReadModel(Protocol):
    """Reads the projection. All raise DatabaseUnavailable; what belongs to another workspace is not there.

    A RUNNING run is shown and listed as WAITING while every node at work in it waits for a signal or a time;
    maps and loops around such nodes do no work of their own.
    """

    async def get_run(self, workspace: str, run_id: str) -> RunRow | None:
        """A run."""
        ...

    async def run_status(self, workspace: str, run_id: str) -> str | None:
        """A run's status, as the table has it: never WAITING."""
        ...

    async def list_runs(
        self,
        workspace: str,
        *,
        status: str | None = None,
        workflow: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[RunRow]:
        """Runs, the latest first. InvalidCursor."""
        ...

    async def list_nodes(
        self, workspace: str, run_id: str, *, after: str | None = None, limit: int = 1000
    ) -> Page[NodeRow]:
        """Node instances of a run by path (in byte order), after the one with the path `after`."""
        ...

    async def timeline(
        self, workspace: str, run_id: str, *, after_seq: int = 0, limit: int = 1000
    ) -> list[TimelineEvent]:
        """Up to `limit` events of a run that follow number `after_seq`, oldest first."""
        ...

    async def get_artifact(self, workspace: str, sha256: str) -> ArtifactRow | None:
        """A blob that a run of the workspace refers to."""
        ...

    async def list_workflows(
        self, workspace: str, *, after: str | None = None, limit: int = 100
    ) -> Page[WorkflowRow]:
        """Workflows by name, after the one named `after`."""
        ...

    async def get_workflow(self, workspace: str, name: str) -> WorkflowRow | None:
        """A workflow and its tags."""
        ...

    async def list_versions(
        self, workspace: str, name: str, *, before: int | None = None, limit: int = 100
    ) -> list[VersionRow]:
        """Versions of a workflow below `before`, the latest first, without their definitions."""
        ...

    async def get_version(
        self, workspace: str, name: str, *, version: int | None = None, tag: str | None = None
    ) -> VersionRow | None:
        """A version by number, or the one that a tag points to (`main` when neither is given)."""
        ...


class PostgresReadModel:
    """`ReadModel` on Postgres."""

    def __init__(self, pool: Pool) -> None:
        """Read through `pool`, which the caller opens and closes."""
        self._pool = pool

    async def get_run(self, workspace: str, run_id: str) -> RunRow | None:
        """A run."""
        row = await self._pool.row(_RUN, {"workspace": workspace, "run_id": run_id})
        return None if row is None else _run(row)

    async def run_status(self, workspace: str, run_id: str) -> str | None:
        """A run's status."""
        row = await self._pool.row(_SQL["status"], {"workspace": workspace, "run_id": run_id})
        return None if row is None else str(row["status"])

    async def list_runs(
        self,
        workspace: str,
        *,
        status: str | None = None,
        workflow: str | None = None,
        after: str | None = None,
        limit: int = 100,
    ) -> Page[RunRow]:
        """Runs, the latest first. InvalidCursor."""
        parameters: Parameters = {"workspace": workspace, "limit": limit + 1}
        query = _RUNS
        # Only the conditions that apply, so that each combination is planned for the index that serves it.
        if status is not None:
            query += b" AND status = %(status)s"
            parameters["status"] = RUN_RUNNING if status == RUN_WAITING else status
            if status == RUN_WAITING:
                query += b" AND " + _WAITING
            elif status == RUN_RUNNING:
                query += b" AND NOT " + _WAITING
        if workflow is not None:
            query += b" AND workflow = %(workflow)s"
            parameters["workflow"] = workflow
        if after is not None:
            query += b" AND (created_at, run_id) < (%(created)s, %(run_id)s)"
            parameters["created"], parameters["run_id"] = read_run_cursor(after)
        query += b" ORDER BY created_at DESC, run_id DESC LIMIT %(limit)s"
        runs = [_run(row) for row in await self._pool.rows(query, parameters)]
        return Page(runs[:limit], run_cursor(runs[limit - 1]) if len(runs) > limit else None)

    async def list_nodes(
        self, workspace: str, run_id: str, *, after: str | None = None, limit: int = 1000
    ) -> Page[NodeRow]:
        """Node instances of a run by path."""
        parameters = {"workspace": workspace, "run_id": run_id, "after": after or "", "limit": limit + 1}
        nodes = [node_row(row) for row in await self._pool.rows(_SQL["nodes"], parameters)]
        return Page(nodes[:limit], nodes[limit - 1].path if len(nodes) > limit else None)

    async def timeline(
        self, workspace: str, run_id: str, *, after_seq: int = 0, limit: int = 1000
    ) -> list[TimelineEvent]:
        """Events of a run, oldest first."""
        found: list[TimelineEvent] = []
        after = after_seq
        while len(found) < limit:
            parameters = {"workspace": workspace, "run_id": run_id, "after": after}
            rows = await self._pool.rows(
                _SQL["log"], parameters | {"limit": min(LOG_ROWS, limit - len(found))}
            )
            for row in rows:
                events = expand(row["first_seq"], row["at"], row["events"])
                found += [event for event in events if event.seq > after]
            if not rows:
                break
            after = found[-1].seq
        return found[:limit]

    async def get_artifact(self, workspace: str, sha256: str) -> ArtifactRow | None:
        """A blob that a run of the workspace refers to."""
        row = await self._pool.row(_SQL["artifact"], {"workspace": workspace, "sha256": sha256})
        return None if row is None else ArtifactRow(**row)

    async def list_workflows(
        self, workspace: str, *, after: str | None = None, limit: int = 100
    ) -> Page[WorkflowRow]:
        """Workflows by name."""
        parameters = {"workspace": workspace, "after": after or "", "limit": limit + 1}
        found = [_workflow(row) for row in await self._pool.rows(_SQL["workflows"], parameters)]
        return Page(found[:limit], found[limit - 1].name if len(found) > limit else None)

    async def get_workflow(self, workspace: str, name: str) -> WorkflowRow | None:
        """A workflow and its tags."""
        row = await self._pool.row(_SQL["workflow"], {"workspace": workspace, "name": name})
        return None if row is None else _workflow(row)

    async def list_versions(
        self, workspace: str, name: str, *, before: int | None = None, limit: int = 100
    ) -> list[VersionRow]:
        """Versions of a workflow, the latest first."""
        parameters = {"workspace": workspace, "name": name, "before": before or _NO_VERSION, "limit": limit}
        return [_version(row) for row in await self._pool.rows(_SQL["versions"], parameters)]

    async def get_version(
        self, workspace: str, name: str, *, version: int | None = None, tag: str | None = None
    ) -> VersionRow | None:
        """A version by number or tag."""
        parameters: Parameters = {"workspace": workspace, "name": name}
        if version is not None:
            row = await self._pool.row(_SQL["version"], parameters | {"version": version})
        else:
            row = await self._pool.row(_SQL["tagged"], parameters | {"tag": tag or "main"})
        return None if row is None else _version(row)


def _run(row: dict[str, Any]) -> RunRow:
    return run_row(row | {"status": RUN_WAITING} if row["waiting"] else row)


def _workflow(row: dict[str, Any]) -> WorkflowRow:
    return WorkflowRow(**row | {"tags": msgspec.json.decode(row["tags"], type=dict[str, int])})


def _version(row: dict[str, Any]) -> VersionRow:
    return VersionRow(**row | {"definition": raw(row["definition"])})
