"""Whatever is projected, in batches of whatever size, Postgres and its twin in memory answer the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import msgspec
import psycopg
import pytest
from hypothesis import HealthCheck, given, settings

from engine import events
from engine.errors import NodeError
from engine.payload import Payload, Ref, inline
from storage.postgres.memory_projection import MemoryProjection, MemoryTables
from storage.postgres.memory_read_model import MemoryReadModel
from storage.postgres.pool import Pool
from storage.postgres.projection import Projection
from storage.postgres.read_model import PostgresReadModel, ReadModel
from tests.support.decisions import TOPIC, WORKSPACE, Run, arrivals, started

if TYPE_CHECKING:
    from storage.wire.peek import RawDecision

pytestmark = pytest.mark.integration

PATHS = st.sampled_from(["a", "b", "m[0]", "l#1", "a$items"])
ATTEMPTS = st.integers(1, 3)
TIMES = st.none() | st.integers(0, 9)
ERRORS = st.builds(NodeError, st.sampled_from(["BOOM", "LATE"]), st.text(max_size=3))
PAYLOADS = st.one_of(
    st.builds(inline, st.none() | st.integers() | st.text(max_size=3)),
    st.builds(Payload, ref=st.builds(Ref, st.sampled_from(["c" * 64, "d" * 64]), st.just(9))),
)
TYPES = st.sampled_from(["function", "wait", "map", "composite"])
EVENTS = st.one_of(
    st.builds(events.NodeScheduled, path=PATHS, attempt=ATTEMPTS, node_type=TYPES),
    st.builds(
        events.NodeStarted,
        path=PATHS,
        attempt=ATTEMPTS,
        node_type=TYPES,
        started_at=TIMES,
        items=st.none() | PAYLOADS,
        child_run_id=st.none() | st.just("r0_child"),
    ),
    st.builds(events.NodeRetrying, path=PATHS, attempt=ATTEMPTS, error=ERRORS, due_at=st.just(5)),
    st.builds(
        events.NodeSucceeded,
        path=PATHS,
        attempt=ATTEMPTS,
        output=PAYLOADS,
        started_at=TIMES,
        finished_at=TIMES,
    ),
    st.builds(
        events.NodeFailed,
        path=PATHS,
        attempt=ATTEMPTS,
        error=ERRORS,
        started_at=TIMES,
        finished_at=TIMES,
    ),
    st.builds(events.NodeSkipped, path=PATHS, reason=st.just("x"), error=st.none() | ERRORS),
    st.builds(events.NodeCancelled, path=PATHS, attempt=ATTEMPTS, reason=st.just("x")),
    st.builds(events.NodeRouted, path=PATHS, start=st.just(0), edges=st.just([True])),
    st.builds(events.SignalDelivered, name=st.just("s"), command_id=st.just("c"), payload=PAYLOADS),
    st.builds(events.RunPaused, author=st.just("u")),
    st.builds(events.RunResumed, author=st.just("u")),
    st.builds(events.RunCancelling, author=st.just("u")),
    st.builds(events.RunFailing, error=ERRORS),
    st.builds(events.RunContinued, chunk=st.just(1)),
)
ENDS = st.one_of(
    st.builds(events.RunCompleted, output=PAYLOADS),
    st.builds(events.RunFailed, error=ERRORS),
    st.builds(events.RunCancelled),
)
DECISIONS = st.lists(EVENTS, min_size=1, max_size=4)
RUN_IDS = ["r0_a", "r0_b"]


@st.composite
def histories(draw: st.DrawFn) -> list[RawDecision]:
    """Two runs that interleave, with decisions that come again."""
    decided: list[RawDecision] = []
    for run_id in RUN_IDS:
        run = Run(run_id)
        own = [run.decide(started())]
        own += [run.decide(*happened) for happened in draw(st.lists(DECISIONS, max_size=6))]
        if draw(st.booleans()):
            own.append(run.decide(draw(ENDS)))
        back = draw(st.integers(0, len(own)))
        decided += own + own[back:]
    keys = draw(st.lists(st.integers(0, 3), min_size=len(decided), max_size=len(decided)))
    # A stable merge: each run keeps its order.
    lanes = {run_id: [d for d in decided if d.run_id == run_id] for run_id in RUN_IDS}
    merged: list[RawDecision] = []
    for key in keys:
        lane = lanes[RUN_IDS[key % 2]] or lanes[RUN_IDS[1 - key % 2]]
        merged.append(lane.pop(0))
    return merged


async def everything(reads: ReadModel) -> list[Any]:
    found: list[Any] = []
    for run_id in RUN_IDS:
        found += [
            await reads.get_run(WORKSPACE, run_id),
            (await reads.list_nodes(WORKSPACE, run_id)).items,
            await reads.timeline(WORKSPACE, run_id),
        ]
    found.append((await reads.list_runs(WORKSPACE)).items)
    found += [await reads.get_artifact(WORKSPACE, char * 64) for char in "cd"]
    return found


async def postgres_answers(dsn: str) -> list[Any]:
    pool = Pool(dsn, name="test", size=1)
    await pool.open()
    try:
        return await everything(PostgresReadModel(pool))
    finally:
        await pool.close()


def clear(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("TRUNCATE runs, run_nodes, event_log, artifacts, sink_offsets")


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(history=histories(), sizes=st.lists(st.integers(1, 9), min_size=1, max_size=5))
def test_the_twins_agree(database: str, history: list[RawDecision], sizes: list[int]) -> None:
    clear(database)
    tables = MemoryTables()
    memory, postgres = MemoryProjection(tables, "outbox"), Projection(database, "outbox")
    try:
        memory.next_offset(TOPIC, 0)
        postgres.next_offset(TOPIC, 0)
        whole = arrivals(history)
        written = 0
        for turn in range(len(whole)):
            batch = whole[written : written + sizes[turn % len(sizes)]]
            written += len(batch)
            # The twin takes one decision at a time: how they are batched must not matter.
            for arrival in batch:
                memory.write([arrival])
            postgres.write(batch)
    finally:
        postgres.close()

    expected = asyncio.run(everything(MemoryReadModel(tables)))
    assert msgspec.json.encode(asyncio.run(postgres_answers(database))) == msgspec.json.encode(expected)
