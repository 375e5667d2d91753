"""The read model's twin over `MemoryTables`."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING

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
from storage.postgres.statuses import (
    NODE_QUEUED,
    NODE_RETRYING,
    NODE_RUNNING,
    NODE_WAITING,
    RUN_RUNNING,
    RUN_WAITING,
)
from storage.postgres.timeline import events_of

if TYPE_CHECKING:
    from engine.workflow_versioned import WorkflowVersioned
    from storage.postgres.folded import FoldedRun
    from storage.postgres.memory_projection import MemoryTables, MemoryWorkflow


class MemoryReadModel:
    """`ReadModel` over what `MemoryProjection` wrote."""

    def __init__(self, tables: MemoryTables) -> None:
        """Read from `tables`."""
        self._tables = tables

    async def get_run(self, workspace: str, run_id: str) -> RunRow | None:
        """A run."""
        run = self._tables.folded.runs.get(run_id)
        return self._run(run) if run and run.workspace == workspace else None

    async def run_status(self, workspace: str, run_id: str) -> str | None:
        """A run's status."""
        run = self._tables.folded.runs.get(run_id)
        return run.status if run and run.workspace == workspace else None

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
        end = None if after is None else read_run_cursor(after)
        runs = [
            run
            for run in map(self._run, self._tables.folded.runs.values())
            if run.workspace == workspace
            and status in (None, run.status)
            and workflow in (None, run.workflow)
            and (end is None or (run.created_at, run.run_id) < end)
        ]
        runs.sort(key=lambda run: (run.created_at, run.run_id), reverse=True)
        return Page(runs[:limit], run_cursor(runs[limit - 1]) if len(runs) > limit else None)

    async def list_nodes(
        self, workspace: str, run_id: str, *, after: str | None = None, limit: int = 1000
    ) -> Page[NodeRow]:
        """Node instances of a run by path."""
        if await self.get_run(workspace, run_id) is None:
            return Page([])
        nodes = [
            node_row(msgspec.structs.asdict(node))
            for (owner, path), node in sorted(self._tables.folded.nodes.items())
            if owner == run_id and path > (after or "")
        ]
        return Page(nodes[:limit], nodes[limit - 1].path if len(nodes) > limit else None)

    async def timeline(
        self, workspace: str, run_id: str, *, after_seq: int = 0, limit: int = 1000
    ) -> list[TimelineEvent]:
        """Events of a run, oldest first."""
        events = (
            event
            for (owner, _), decision in sorted(self._tables.log.items(), key=lambda item: item[0])
            if owner == run_id and decision.raw.workspace == workspace
            for event in events_of(decision.raw)
            if event.seq > after_seq
        )
        return list(islice(events, limit))

    async def get_artifact(self, workspace: str, sha256: str) -> ArtifactRow | None:
        """A blob that a run of the workspace refers to."""
        found = self._tables.folded.artifacts.get((workspace, sha256))
        if found is None:
            return None
        return ArtifactRow(found.sha256, found.size, found.media_type, found.first_run_id)

    async def list_workflows(
        self, workspace: str, *, after: str | None = None, limit: int = 100
    ) -> Page[WorkflowRow]:
        """Workflows by name."""
        found = [
            _workflow(name, workflow)
            for (owner, name), workflow in sorted(self._tables.workflows.items(), key=lambda item: item[0])
            if owner == workspace and name > (after or "")
        ]
        return Page(found[:limit], found[limit - 1].name if len(found) > limit else None)

    async def get_workflow(self, workspace: str, name: str) -> WorkflowRow | None:
        """A workflow and its tags."""
        workflow = self._tables.workflows.get((workspace, name))
        return None if workflow is None else _workflow(name, workflow)

    async def list_versions(
        self, workspace: str, name: str, *, before: int | None = None, limit: int = 100
    ) -> list[VersionRow]:
        """Versions of a workflow, the latest first."""
        workflow = self._tables.workflows.get((workspace, name))
        versions = {} if workflow is None else workflow.versions
        wanted = sorted((number for number in versions if before is None or number < before), reverse=True)
        return [_version(number, versions[number], None) for number in wanted[:limit]]

    async def get_version(
        self, workspace: str, name: str, *, version: int | None = None, tag: str | None = None
    ) -> VersionRow | None:
        """A version by number or tag."""
        workflow = self._tables.workflows.get((workspace, name))
        if workflow is None:
            return None
        if version is None:
            moved = workflow.tags.get(tag or "main")
            version = 0 if moved is None else moved.tag_version
        found = workflow.versions.get(version)
        return None if found is None else _version(version, found, found.definition)

    def _run(self, run: FoldedRun) -> RunRow:
        columns = msgspec.structs.asdict(run)
        if run.status == RUN_RUNNING and run.stopping is None and self._waits(run.run_id):
            columns["status"] = RUN_WAITING
        return run_row(columns)

    def _waits(self, run_id: str) -> bool:
        nodes = [node for (owner, _), node in self._tables.folded.nodes.items() if owner == run_id]
        return any(node.status == NODE_WAITING for node in nodes) and not any(
            node.status in {NODE_QUEUED, NODE_RETRYING}
            or (node.status == NODE_RUNNING and node.node_type not in {"map", "loop"})
            for node in nodes
        )


def _workflow(name: str, workflow: MemoryWorkflow) -> WorkflowRow:
    return WorkflowRow(
        name=name,
        latest_version=max(workflow.versions, default=0),
        tags={tag: moved.tag_version for tag, moved in sorted(workflow.tags.items())},
        created_at=workflow.created_at,
        updated_at=workflow.updated_at,
    )


def _version(number: int, record: WorkflowVersioned, definition: bytes | None) -> VersionRow:
    return VersionRow(
        name=record.name,
        version=number,
        definition_hash=record.definition_hash,
        definition=raw(definition),
        author=record.author,
        created_at=record.at,
    )
