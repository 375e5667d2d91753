"""What every projection does, seen through the read model that belongs to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from engine import events
from engine.errors import Issue, NodeError
from engine.facts import Parent
from engine.payload import NULL, Payload, Ref, inline, inline_json
from storage.postgres.batch import Arrival, Projecting, Written
from storage.postgres.errors import Conflict, Fenced, Hole
from storage.postgres.memory_projection import MemoryProjection, MemoryTables
from storage.postgres.memory_read_model import MemoryReadModel
from storage.postgres.pool import Pool
from storage.postgres.projection import Projection
from storage.postgres.read_model import PostgresReadModel, ReadModel
from tests.support.decisions import TOPIC, WORKSPACE, Run, arrivals, raw, scheduled, started, succeeded

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from storage.postgres.rows import NodeRow, RunRow, TimelineEvent
    from storage.wire.peek import RawDecision

GROUP = "outbox"
RUN = "r0_one"


class Bench(NamedTuple):
    reads: ReadModel
    writer: Callable[[], Projecting]

    def project(self, decisions: list[RawDecision], size: int = 1000) -> None:
        """Write decisions in batches, from where the partition is."""
        writer = self.writer()
        offset = writer.next_offset(TOPIC, 0)
        for begin in range(0, len(decisions), size):
            writer.write(arrivals(decisions[begin : begin + size], offset + begin))
        writer.close()

    async def run(self, run_id: str = RUN) -> RunRow:
        run = await self.reads.get_run(WORKSPACE, run_id)
        assert run is not None
        return run

    async def node(self, path: str) -> NodeRow:
        nodes = {node.path: node for node in (await self.reads.list_nodes(WORKSPACE, RUN)).items}
        return nodes[path]


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.integration), "memory"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        tables = MemoryTables()
        yield Bench(MemoryReadModel(tables), lambda: MemoryProjection(tables, GROUP))
        return
    dsn: str = request.getfixturevalue("database")
    pool = Pool(dsn, name="test")
    await pool.open()
    made: list[Projection] = []

    def writer() -> Projection:
        made.append(Projection(dsn, GROUP))
        return made[-1]

    yield Bench(PostgresReadModel(pool), writer)
    for projection in made:
        projection.close()
    await pool.close()


@pytest.mark.parametrize("size", [1, 2, 1000])
async def test_a_run_is_projected_whole_in_batches_of_any_size(bench: Bench, size: int) -> None:
    bench.project(Run(RUN).chain(3, inline({"n": 7})), size)

    run = await bench.run()
    assert (run.status, run.stopping, run.workflow, run.version) == ("COMPLETED", None, "flow", 1)
    assert (run.created_at, run.started_at, run.ended_at, run.last_seq) == (500, 1010, 1040, 8)
    assert run.inputs is not None
    assert run.inputs.value() == {"n": 1}
    assert run.output is not None
    assert run.output.value() == {"n": 7}
    assert (run.author, run.command_id, run.graph, run.graph_rev) == ("user:ann", "c1", "a" * 64, 0)
    nodes = (await bench.reads.list_nodes(WORKSPACE, RUN)).items
    assert [(n.path, n.status, n.node_type, n.attempt) for n in nodes] == [
        ("n0", "SUCCEEDED", "function", 1),
        ("n1", "SUCCEEDED", "function", 1),
        ("n2", "SUCCEEDED", "function", 1),
    ]
    assert [(n.started_at, n.ended_at, n.updated_seq) for n in nodes] == [
        (1000, 1001, 3),
        (1000, 1001, 5),
        (1000, 1001, 7),
    ]


async def test_the_timeline_numbers_every_event_and_shows_it_as_it_was(bench: Bench) -> None:
    decisions = Run(RUN).chain(3)
    bench.project(decisions)

    events_ = await bench.reads.timeline(WORKSPACE, RUN)
    assert [event.seq for event in events_] == list(range(1, 9))
    assert [(event.type, event.node_id) for event in events_][:4] == [
        ("run.started", None),
        ("node.scheduled", "n0"),
        ("node.succeeded", "n0"),
        ("node.scheduled", "n1"),
    ]
    assert [event.at for event in events_][:3] == [1010, 1010, 1020]
    assert [json.loads(bytes(event.data)) for event in events_] == [
        event for decision in decisions for event in json.loads(decision.events)
    ]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 100])
async def test_the_timeline_goes_on_behind_any_event(bench: Bench, limit: int) -> None:
    bench.project(Run(RUN).chain(5))
    whole = await bench.reads.timeline(WORKSPACE, RUN)

    read: list[TimelineEvent] = []
    while page := await bench.reads.timeline(
        WORKSPACE, RUN, after_seq=read[-1].seq if read else 0, limit=limit
    ):
        assert len(page) <= limit
        read += page
    assert read == whole
    assert await bench.reads.timeline(WORKSPACE, RUN, after_seq=4, limit=100) == whole[4:]
    assert await bench.reads.timeline(WORKSPACE, RUN, after_seq=10_000) == []


async def test_a_long_timeline_comes_in_one_call(bench: Bench) -> None:
    run = Run(RUN)
    decided = [run.decide(started())]
    decided += [run.decide(*(scheduled(f"m[{n}]") for n in range(k, k + 3))) for k in range(0, 900, 3)]
    bench.project(decided)

    assert [event.seq for event in await bench.reads.timeline(WORKSPACE, RUN)] == list(range(1, 902))


async def test_another_workspace_sees_nothing(bench: Bench) -> None:
    ref = Ref("c" * 64, 20_000)
    bench.project(Run(RUN).chain(2, Payload(ref=ref)))

    assert await bench.reads.get_run("other", RUN) is None
    assert await bench.reads.run_status("other", RUN) is None
    assert await bench.reads.timeline("other", RUN) == []
    assert (await bench.reads.list_nodes("other", RUN)).items == []
    assert (await bench.reads.list_runs("other")).items == []
    assert await bench.reads.get_artifact("other", ref.sha256) is None
    assert await bench.reads.run_status(WORKSPACE, RUN) == "COMPLETED"
    assert await bench.reads.run_status(WORKSPACE, "r0_none") is None


async def test_references_are_kept_as_references_and_listed_as_artifacts(bench: Bench) -> None:
    ref = Ref("c" * 64, 20_000, "text/plain")
    bench.project(Run(RUN).chain(1, Payload(ref=ref)) + Run("r0_two").chain(1, Payload(ref=ref)))

    run = await bench.run()
    assert run.output == Payload(ref=ref)
    assert (await bench.node("n0")).output == Payload(ref=ref)
    artifact = await bench.reads.get_artifact(WORKSPACE, ref.sha256)
    assert artifact is not None
    assert (artifact.size, artifact.media_type, artifact.first_run_id) == (20_000, "text/plain", RUN)
    assert await bench.reads.get_artifact(WORKSPACE, "d" * 64) is None


JSONS = [
    rb'"\u0000 and \ud83c\udf88 and \\ and \n"',
    b'{"a": 1, "a": 2,\t"big": 123456789012345678901234567890, "tiny": 1e-400}',
    '"ünïcödé 🎈 \u2028"'.encode(),
    b"null",
    b"[" * 500 + b"]" * 500,
]


@pytest.mark.parametrize("text", JSONS, ids=range(len(JSONS)))
async def test_json_comes_back_byte_by_byte(bench: Bench, text: bytes) -> None:
    bench.project(Run(RUN).chain(2, inline_json(text)))

    run = await bench.run()
    assert run.output is not None
    assert bytes(run.output.raw) == text
    output = (await bench.node("n0")).output
    assert output is not None
    assert bytes(output.raw) == text
    assert text in bytes((await bench.reads.timeline(WORKSPACE, RUN))[-1].data)


async def test_text_that_postgres_cannot_hold_does_not_stop_the_projection(bench: Bench) -> None:
    run = Run(RUN)
    bench.project([run.decide(started(key="a\0b", author="user:\0", command_id="\0"))])

    assert (await bench.run()).key == "a\ufffdb"


ERROR = NodeError("BOOM", "it went wrong")


async def test_a_node_shows_its_last_attempt(bench: Bench) -> None:
    run = Run(RUN)
    bench.project([run.decide(started(), scheduled("n"))])
    node = await bench.node("n")
    assert (node.status, node.attempt, node.started_at) == ("QUEUED", 1, None)

    bench.project([run.decide(events.NodeStarted(path="n", attempt=1, node_type="function", started_at=77))])
    node = await bench.node("n")
    assert (node.status, node.started_at) == ("RUNNING", 77)

    bench.project([run.decide(events.NodeRetrying(path="n", attempt=1, error=ERROR, due_at=2000))])
    node = await bench.node("n")
    assert (node.status, node.started_at, node.ended_at) == ("RETRYING", 77, None)
    assert node.error is not None
    assert json.loads(bytes(node.error)) == {"code": "BOOM", "message": "it went wrong"}

    bench.project([run.decide(scheduled("n", 2))])
    node = await bench.node("n")
    assert (node.status, node.attempt, node.error) == ("QUEUED", 2, None)

    failed = events.NodeFailed(path="n", attempt=2, error=ERROR, started_at=90, finished_at=95)
    bench.project([run.decide(failed)])
    node = await bench.node("n")
    assert (node.status, node.started_at, node.ended_at, node.updated_seq) == ("FAILED", 90, 95, 6)
    assert node.error is not None


async def test_nodes_that_run_nowhere(bench: Bench) -> None:
    run = Run(RUN)
    bench.project(
        [
            run.decide(
                started(),
                events.NodeStarted(path="w", attempt=1, node_type="wait", due_at=5000),
                events.NodeStarted(path="c", attempt=1, node_type="composite", child_run_id="r0_child"),
                events.NodeSkipped(path="s", reason="not taken"),
                events.NodeSkipped(path="e", reason="on_error", error=ERROR),
                events.NodeSucceeded(path="t", attempt=1, output=inline(1)),
                scheduled("m$items"),
            ),
            run.decide(events.NodeCancelled(path="w", attempt=1, reason="cancelled")),
        ],
        1,
    )

    nodes = {node.path: node for node in (await bench.reads.list_nodes(WORKSPACE, RUN)).items}
    assert {path: node.status for path, node in nodes.items()} == {
        "w": "CANCELLED",
        "c": "RUNNING",
        "s": "SKIPPED",
        "e": "SKIPPED",
        "t": "SUCCEEDED",
    }
    assert nodes["c"].child_run_id == "r0_child"
    assert (nodes["s"].attempt, nodes["s"].error, nodes["s"].ended_at) == (0, None, 1010)
    assert nodes["e"].error is not None
    assert nodes["t"].node_type is None
    assert nodes["w"].node_type == "wait"
    assert nodes["w"].ended_at == 1020


async def test_a_wait_waits(bench: Bench) -> None:
    run = Run(RUN)
    bench.project([run.decide(started(), events.NodeStarted(path="w", attempt=1, node_type="wait"))])

    assert (await bench.node("w")).status == "WAITING"


async def test_pause_resume_and_cancel(bench: Bench) -> None:
    run = Run(RUN)
    steps: list[tuple[events.Event, tuple[str, str | None]]] = [
        (started(), ("RUNNING", None)),
        (events.RunPaused(author="user:ann"), ("PAUSED", None)),
        (events.RunResumed(author="user:ann"), ("RUNNING", None)),
        (events.RunCancelling(author="user:ann", reason="no more"), ("RUNNING", "cancelling")),
        (scheduled("undo"), ("RUNNING", "cancelling")),
        (events.RunCancelled(reason="no more"), ("CANCELLED", None)),
        (events.RunContinued(chunk=1), ("CANCELLED", None)),
    ]
    for event, expected in steps:
        bench.project([run.decide(event)])
        row = await bench.run()
        assert (row.status, row.stopping) == expected
    assert row.ended_at == 1060
    assert row.last_seq == 7
    assert row.error is None


async def test_failing_and_failed(bench: Bench) -> None:
    run = Run(RUN)
    bench.project([run.decide(started()), run.decide(events.RunFailing(error=ERROR))])
    row = await bench.run()
    assert (row.status, row.stopping, row.ended_at) == ("RUNNING", "failing", None)
    assert row.error is not None

    bench.project([run.decide(events.RunFailed(error=NodeError("OTHER", "x", "n")))])
    row = await bench.run()
    assert (row.status, row.stopping) == ("FAILED", None)
    assert row.error is not None
    assert json.loads(bytes(row.error)) == {"code": "OTHER", "message": "x", "path": "n"}


async def test_a_run_cancelled_while_failing_keeps_no_error(bench: Bench) -> None:
    run = Run(RUN)
    decided = [
        run.decide(started()),
        run.decide(events.RunFailing(error=ERROR)),
        run.decide(events.RunCancelled()),
    ]
    bench.project(decided, 1)

    assert (await bench.run()).error is None


async def test_a_rejected_run_says_why(bench: Bench) -> None:
    rejected = events.RunRejected(
        code="UNKNOWN_WORKFLOW",
        message="there is no such workflow",
        issues=[Issue("/workflow", "unknown")],
        workflow="nope",
        author="user:ann",
        command_id="c9",
    )
    bench.project([Run(RUN).decide(rejected)])

    row = await bench.run()
    assert (row.status, row.graph, row.inputs, row.started_at, row.ended_at) == (
        "REJECTED",
        None,
        None,
        None,
        1010,
    )
    assert row.error is not None
    assert json.loads(bytes(row.error)) == {
        "code": "UNKNOWN_WORKFLOW",
        "message": "there is no such workflow",
        "issues": [{"pointer": "/workflow", "message": "unknown"}],
    }


async def test_a_child_names_its_parent(bench: Bench) -> None:
    parent = Parent(run_id="r0_parent", path="sub", attempt=1)
    bench.project([Run(RUN).decide(started(None, parent=parent, requested_at=0))])

    row = await bench.run()
    assert (row.parent_run_id, row.parent_path, row.workflow) == ("r0_parent", "sub", None)
    assert row.created_at == row.started_at == 1010


async def test_written_counts(bench: Bench) -> None:
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)
    decisions = Run(RUN).chain(3)

    assert writer.write([]) == Written()
    assert writer.write(arrivals(decisions)) == Written(decisions=4, events=8)
    assert writer.write(arrivals(decisions)) == Written()
    assert writer.write(arrivals(decisions, 4)) == Written(repeated=4)


async def test_a_position_survives_its_writer(bench: Bench) -> None:
    decisions = Run(RUN).chain(3)
    first = bench.writer()
    assert first.next_offset(TOPIC, 0) == 0
    first.write(arrivals(decisions[:2], 7))
    first.close()

    second = bench.writer()
    assert second.next_offset(TOPIC, 0) == 9
    assert second.next_offset(TOPIC, 1) == 0
    assert second.next_offset("other", 0) == 0
    second.write(arrivals(decisions[2:], 9))
    assert (await bench.run()).status == "COMPLETED"


async def test_records_before_the_position_are_skipped(bench: Bench) -> None:
    decisions = Run(RUN).chain(4)
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)
    writer.write(arrivals(decisions[:3]))

    assert writer.write(arrivals(decisions)) == Written(decisions=2, events=4)
    assert writer.next_offset(TOPIC, 0) == 5


async def test_a_record_that_is_none_of_ours_only_moves_the_position(bench: Bench) -> None:
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)

    assert writer.write([Arrival(TOPIC, 0, 0, None)]) == Written()
    assert writer.next_offset(TOPIC, 0) == 1


async def test_many_partitions_in_one_batch(bench: Bench) -> None:
    writer = bench.writer()
    batch = []
    for partition in range(8):
        writer.next_offset(TOPIC, partition)
        batch += arrivals(Run(f"r0_{partition}").chain(2), partition * 10, partition)
    batch.sort(key=lambda arrival: arrival.offset % 10)

    assert writer.write(batch).decisions == 24
    assert [writer.next_offset(TOPIC, p) for p in range(8)] == [p * 10 + 3 for p in range(8)]
    assert len((await bench.reads.list_runs(WORKSPACE)).items) == 8


@pytest.mark.parametrize("remembered", [True, False])
@pytest.mark.parametrize("size", [1, 3, 1000])
async def test_decisions_that_come_again_at_other_offsets_are_dropped(
    bench: Bench, size: int, *, remembered: bool
) -> None:
    decisions = Run(RUN).chain(5)
    again = decisions[:4] + decisions[2:]
    if remembered:
        bench.project(again, size)
    else:
        bench.project(decisions[:4], size)
        bench.project(decisions[2:], size)

    assert (await bench.run()).status == "COMPLETED"
    assert [event.seq for event in await bench.reads.timeline(WORKSPACE, RUN)] == list(range(1, 13))


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_decision_that_comes_again_and_differs_is_a_conflict(bench: Bench, size: int) -> None:
    decisions = Run(RUN).chain(2)
    other = raw(WORKSPACE, RUN, 3, [succeeded("n0", inline("another")), scheduled("n1")])

    with pytest.raises(Conflict, match=r"events 3 to 4 came again and differ"):
        bench.project([*decisions, other], size)
    run = await bench.reads.get_run(WORKSPACE, RUN)
    assert (run is not None) == (size == 1)


async def test_a_decision_cut_otherwise_is_a_conflict(bench: Bench) -> None:
    decisions = Run(RUN).chain(2)

    with pytest.raises(Conflict, match="no decision in the log begins with event 4"):
        bench.project([*decisions, raw(WORKSPACE, RUN, 4, [scheduled("n1")])])


async def test_the_same_events_written_otherwise_are_the_same(bench: Bench) -> None:
    decision = Run(RUN).decide(started())
    spaced = json.dumps(json.loads(decision.events), indent=1).encode()
    bench.project([decision])
    bench.project([msgspec.structs.replace(decision, events=spaced)])

    assert (await bench.run()).last_seq == 1


@pytest.mark.parametrize("at", [0, 1, 2])
async def test_a_hole_stops_the_projection(bench: Bench, at: int) -> None:
    decisions = Run(RUN).chain(3)

    with pytest.raises(Hole, match=f"event {2 * at + 1} is missing"):
        bench.project(decisions[:at] + decisions[at + 1 :])
    assert await bench.reads.get_run(WORKSPACE, RUN) is None


async def test_nothing_of_a_refused_batch_is_written(bench: Bench) -> None:
    good, bad = Run("r0_good").chain(2), Run("r0_bad").chain(2)
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)

    with pytest.raises(Hole):
        writer.write(arrivals([*good, *bad[1:]]))
    assert await bench.reads.get_run(WORKSPACE, "r0_good") is None
    with pytest.raises(Fenced, match="without having asked"):
        writer.write(arrivals(good))
    assert writer.next_offset(TOPIC, 0) == 0
    writer.write(arrivals(good))
    assert await bench.reads.run_status(WORKSPACE, "r0_good") == "COMPLETED"


async def test_a_decision_without_events_only_moves_the_position(bench: Bench) -> None:
    decisions = Run(RUN).chain(1)
    bench.project([raw(WORKSPACE, RUN, 1, []), *decisions, raw(WORKSPACE, RUN, 5, [])])

    assert (await bench.run()).last_seq == 4


async def test_the_owner_before_is_fenced(bench: Bench) -> None:
    decisions = Run(RUN).chain(4)
    old, new = bench.writer(), bench.writer()
    old.next_offset(TOPIC, 0)
    old.write(arrivals(decisions[:2]))
    assert new.next_offset(TOPIC, 0) == 2
    new.write(arrivals(decisions[2:3], 2))

    with pytest.raises(Fenced, match="1 of 1 partitions were moved"):
        old.write(arrivals(decisions[2:], 2))
    assert (await bench.run()).last_seq == 6

    # It may own the partition again, and then goes on from what the other one wrote.
    assert old.next_offset(TOPIC, 0) == 3
    old.write(arrivals(decisions[3:], 3))
    with pytest.raises(Fenced):
        new.write(arrivals(decisions[3:], 3))
    assert (await bench.run()).last_seq == 10


async def test_a_partition_that_comes_back_has_runs_that_went_on_elsewhere(bench: Bench) -> None:
    decisions = Run(RUN).chain(4)
    one, other = bench.writer(), bench.writer()
    one.next_offset(TOPIC, 0)
    one.write(arrivals(decisions[:2]))
    other.next_offset(TOPIC, 0)
    other.write(arrivals(decisions[2:4], 2))

    one.next_offset(TOPIC, 0)
    one.write(arrivals(decisions[4:], 4))
    assert (await bench.run()).status == "COMPLETED"


async def test_a_partition_must_be_taken_before_it_is_written(bench: Bench) -> None:
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)

    with pytest.raises(Fenced, match="partition 1 of"):
        writer.write(arrivals(Run(RUN).chain(1), partition=1))


async def test_null_is_an_output(bench: Bench) -> None:
    bench.project(Run(RUN).chain(1, NULL))

    assert (await bench.run()).output == NULL
    assert (await bench.node("n0")).output == NULL
