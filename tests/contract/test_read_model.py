"""What every read model answers: lists, pages, workflows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import pytest

from engine import events
from engine.payload import NULL
from engine.workflow_versioned import WorkflowVersioned
from storage.postgres.batch import Arrival, Projecting
from storage.postgres.errors import Conflict, Hole, InvalidText
from storage.postgres.memory_projection import MemoryProjection, MemoryTables
from storage.postgres.memory_read_model import MemoryReadModel
from storage.postgres.pool import Pool
from storage.postgres.projection import Projection
from storage.postgres.read_model import PostgresReadModel, ReadModel
from storage.postgres.rows import InvalidCursor
from tests.support.decisions import TOPIC, WORKSPACE, Run, arrivals, scheduled, started, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class Bench(NamedTuple):
    reads: ReadModel
    writer: Projecting

    def project(self, *runs: Run) -> None:
        """Write the first decision of each run, which completes it when its number is even."""
        decided = []
        for number, run in enumerate(runs):
            happened: list[events.Event] = [started(f"flow{number % 3}", requested_at=1000 + number // 2)]
            if number % 2 == 0:
                happened.append(events.RunCompleted(output=NULL))
            decided.append(run.decide(*happened))
        self.writer.write(arrivals(decided, self.writer.next_offset(TOPIC, 0)))

    def register(self, *records: WorkflowVersioned) -> int:
        offset = self.writer.next_offset(TOPIC, 1)
        return self.writer.write(
            [Arrival(TOPIC, 1, at, record) for at, record in enumerate(records, offset)]
        ).workflows


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.integration), "memory"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        tables = MemoryTables()
        yield Bench(MemoryReadModel(tables), MemoryProjection(tables, "outbox"))
        return
    dsn: str = request.getfixturevalue("database")
    pool = Pool(dsn, name="test")
    await pool.open()
    writer = Projection(dsn, "outbox")
    yield Bench(PostgresReadModel(pool), writer)
    writer.close()
    await pool.close()


RUNS = [f"r0_{number:02d}" for number in range(20)]


def latest_first(*numbers: int) -> list[str]:
    """Two runs each were asked for in the same millisecond: then the id decides."""
    return [RUNS[number] for number in sorted(numbers, reverse=True)]


@pytest.mark.parametrize("limit", [1, 3, 10, 19, 20, 21])
async def test_runs_are_listed_page_by_page_latest_first(bench: Bench, limit: int) -> None:
    bench.project(*map(Run, RUNS))

    listed: list[str] = []
    after = None
    while True:
        page = await bench.reads.list_runs(WORKSPACE, after=after, limit=limit)
        assert len(page.items) <= limit
        listed += [run.run_id for run in page.items]
        after = page.next
        if after is None:
            break
    assert listed == latest_first(*range(20))


async def test_runs_are_listed_by_status_and_workflow(bench: Bench) -> None:
    bench.project(*map(Run, RUNS))

    async def listed(status: str | None, workflow: str | None, after: str | None = None) -> list[str]:
        page = await bench.reads.list_runs(WORKSPACE, status=status, workflow=workflow, after=after)
        return [run.run_id for run in page.items]

    assert await listed("COMPLETED", None) == latest_first(*range(0, 20, 2))
    assert await listed("RUNNING", "flow1") == latest_first(1, 7, 13, 19)
    assert await listed(None, "flow2") == latest_first(2, 5, 8, 11, 14, 17)
    assert await listed(None, "flow2", f"1004.{RUNS[8]}") == latest_first(2, 5)
    assert await listed("PAUSED", None) == []
    assert await listed(None, "nope") == []


def opened(path: str, node_type: str) -> events.NodeStarted:
    return events.NodeStarted(path=path, attempt=1, node_type=node_type)


@pytest.mark.parametrize(
    ("status", "happened"),
    [
        ("RUNNING", []),
        ("WAITING", [opened("w", "wait")]),
        ("RUNNING", [opened("w", "wait"), scheduled("a")]),
        ("WAITING", [opened("w", "wait"), scheduled("a"), succeeded("a")]),
        ("RUNNING", [opened("w", "wait"), opened("a", "function")]),
        ("RUNNING", [opened("w", "wait"), opened("c", "composite")]),
        ("WAITING", [opened("m", "map"), opened("m[0]", "wait"), opened("l", "loop"), opened("l#0", "wait")]),
        ("RUNNING", [opened("m", "map"), opened("m[0]", "wait"), scheduled("m[1]")]),
        ("RUNNING", [opened("w", "wait"), events.RunCancelling(author="key:1")]),
        ("PAUSED", [opened("w", "wait"), events.RunPaused(author="key:1")]),
        ("COMPLETED", [opened("w", "wait"), events.RunCompleted(output=NULL)]),
    ],
)
async def test_a_run_waits_when_all_that_is_at_work_waits(
    bench: Bench, status: str, happened: list[events.Event]
) -> None:
    bench.writer.next_offset(TOPIC, 0)
    bench.writer.write(arrivals([Run("r0_one").decide(started(), *happened)]))

    run = await bench.reads.get_run(WORKSPACE, "r0_one")
    assert run is not None
    assert run.status == status
    for wanted in ("ACCEPTED", "RUNNING", "WAITING", "PAUSED", "COMPLETED"):
        page = await bench.reads.list_runs(WORKSPACE, status=wanted)
        assert [item.status for item in page.items] == [status] * (wanted == status)
    stored = await bench.reads.run_status(WORKSPACE, "r0_one")
    assert stored == ("RUNNING" if status == "WAITING" else status)


async def test_runs_that_begin_while_one_reads_do_not_shift_the_pages(bench: Bench) -> None:
    bench.project(*map(Run, RUNS[:4]))
    page = await bench.reads.list_runs(WORKSPACE, limit=2)
    bench.project(*[Run(f"r0_new{number}") for number in range(4)], Run("r0_late"), Run("r0_later"))

    rest = await bench.reads.list_runs(WORKSPACE, after=page.next, limit=100)
    assert [run.run_id for run in rest.items if run.run_id in RUNS] == latest_first(0, 1)


@pytest.mark.parametrize("after", ["", "x", "1000", "1000.", ".r0_1", "1000.r0_1; DROP", "9" * 30 + ".r0_1"])
async def test_a_foreign_cursor_is_refused(bench: Bench, after: str) -> None:
    with pytest.raises(InvalidCursor):
        await bench.reads.list_runs(WORKSPACE, after=after)


@pytest.mark.parametrize("limit", [1, 7, 1000])
async def test_nodes_come_by_path_page_by_page(bench: Bench, limit: int) -> None:
    run = Run("r0_wide")
    paths = [f"m[{n}]" for n in range(30)] + ["m", "a", "Z", "m#1", "m_1"]
    bench.writer.next_offset(TOPIC, 0)
    bench.writer.write(arrivals([run.decide(started(), *map(scheduled, paths))]))

    listed: list[str] = []
    after = None
    while True:
        page = await bench.reads.list_nodes(WORKSPACE, "r0_wide", after=after, limit=limit)
        listed += [node.path for node in page.items]
        after = page.next
        if after is None:
            break
    assert listed == sorted(paths)


def versioned(seq: int, version: int | None = None, tag: str = "main", **fields: object) -> WorkflowVersioned:
    values: dict[str, object] = {
        "workspace": WORKSPACE,
        "name": "flow",
        "at": 1000 + seq,
        "author": "user:ann",
        "tag_version": version or 1,
        "definition_hash": f"hash{version or 1}",
        "definition": None if version is None else b'{"name": "flow", "v": %d}' % version,
    }
    return WorkflowVersioned(seq=seq, version=version, tag=tag, **values | fields)  # type: ignore[arg-type]


async def test_versions_and_tags(bench: Bench) -> None:
    assert bench.register(versioned(1, 1), versioned(2, 2), versioned(3, None, "stable")) == 3

    workflow = await bench.reads.get_workflow(WORKSPACE, "flow")
    assert workflow is not None
    assert (workflow.latest_version, workflow.tags) == (2, {"main": 2, "stable": 1})
    assert (workflow.created_at, workflow.updated_at) == (1001, 1003)
    latest = await bench.reads.get_version(WORKSPACE, "flow")
    assert latest is not None
    assert (latest.version, latest.definition_hash, latest.author) == (2, "hash2", "user:ann")
    assert latest.definition is not None
    assert bytes(latest.definition) == b'{"name": "flow", "v": 2}'
    stable = await bench.reads.get_version(WORKSPACE, "flow", tag="stable")
    assert stable is not None
    assert stable.version == 1
    first = await bench.reads.get_version(WORKSPACE, "flow", version=1)
    assert first == stable
    versions = await bench.reads.list_versions(WORKSPACE, "flow")
    assert [(row.version, row.definition) for row in versions] == [(2, None), (1, None)]
    assert [row.version for row in await bench.reads.list_versions(WORKSPACE, "flow", before=2)] == [1]
    assert len(await bench.reads.list_versions(WORKSPACE, "flow", limit=1)) == 1


async def test_a_tag_moves(bench: Bench) -> None:
    bench.register(versioned(1, 1), versioned(2, 2), versioned(3, None, "main", tag_version=1))

    latest = await bench.reads.get_version(WORKSPACE, "flow", tag="main")
    assert latest is not None
    assert latest.version == 1


async def test_what_there_is_not(bench: Bench) -> None:
    bench.register(versioned(1, 1))

    assert await bench.reads.get_workflow(WORKSPACE, "nope") is None
    assert await bench.reads.get_version(WORKSPACE, "nope") is None
    assert await bench.reads.get_version(WORKSPACE, "flow", version=9) is None
    assert await bench.reads.get_version(WORKSPACE, "flow", tag="nope") is None
    assert await bench.reads.get_workflow("other", "flow") is None
    assert await bench.reads.get_version("other", "flow") is None
    assert (await bench.reads.list_workflows("other")).items == []
    assert await bench.reads.list_versions("other", "flow") == []


@pytest.mark.parametrize("limit", [1, 2, 3, 4])
async def test_workflows_come_by_name_page_by_page(bench: Bench, limit: int) -> None:
    bench.register(*(versioned(1, 1, name=name) for name in ("c", "B", "a")))

    listed: list[str] = []
    after = None
    while True:
        page = await bench.reads.list_workflows(WORKSPACE, after=after, limit=limit)
        listed += [workflow.name for workflow in page.items]
        after = page.next
        if after is None:
            break
    assert listed == ["B", "a", "c"]


async def test_a_large_definition_is_elsewhere(bench: Bench) -> None:
    bench.register(versioned(1, 1, definition=None))

    version = await bench.reads.get_version(WORKSPACE, "flow")
    assert version is not None
    assert version.definition is None


async def test_workflow_records_that_come_again_are_dropped(bench: Bench) -> None:
    records = [versioned(1, 1), versioned(2, 2), versioned(3, None, "stable")]

    assert bench.register(*records) == 3
    assert bench.register(*records, versioned(4, 3)) == 1
    workflow = await bench.reads.get_workflow(WORKSPACE, "flow")
    assert workflow is not None
    assert (workflow.latest_version, workflow.tags) == (3, {"main": 3, "stable": 1})


async def test_a_version_that_comes_again_and_differs_is_a_conflict(bench: Bench) -> None:
    bench.register(versioned(1, 1))

    with pytest.raises(Conflict, match="version 1 came again"):
        bench.register(versioned(1, 1, definition_hash="other"))


async def test_a_missing_workflow_record_is_a_hole(bench: Bench) -> None:
    with pytest.raises(Hole, match="record 2 is missing"):
        bench.register(versioned(1, 1), versioned(3, 2))
    assert await bench.reads.get_workflow(WORKSPACE, "flow") is None


@pytest.mark.integration
async def test_a_name_that_cannot_be_is_said_so_by_postgres(database: str) -> None:
    pool = Pool(database, name="test")
    await pool.open()
    with pytest.raises(InvalidText):
        await PostgresReadModel(pool).get_workflow(WORKSPACE, "a\0b")
    await pool.close()


async def test_tags_are_json_numbers(bench: Bench) -> None:
    bench.register(versioned(1, 1))
    page = await bench.reads.list_workflows(WORKSPACE)

    assert json.dumps(page.items[0].tags) == '{"main": 1}'
