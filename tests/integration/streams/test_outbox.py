from __future__ import annotations

import signal
from functools import partial
from typing import TYPE_CHECKING

import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, TopicPartition
from confluent_kafka.admin import AdminClient
from psycopg import sql

from engine.dead_letter import DeadLetter
from engine.decision import Decision
from engine.effects import ArmTimer
from engine.payload import inline_json
from engine.workflow_versioned import WorkflowVersioned
from storage.kafka.topics import DEAD_LETTERS, WORKFLOW_EVENTS
from storage.wire import decode, encode
from storage.wire.peek import RawDecision, decode_events
from tests.support.decisions import Run, raw, started
from tests.support.kafka import (
    PARTITIONS,
    committed,
    ends,
    processor,
    produce,
    read_until,
    wait_until,
)

if TYPE_CHECKING:
    from collections.abc import Iterable
    from contextlib import AbstractContextManager
    from subprocess import Popen

    import pytest

    from tests.support.kafka import Installation

GROUP = "aob.outbox"


def emit(installation: Installation, decisions: Iterable[RawDecision]) -> None:
    produce(
        installation.bootstrap,
        WORKFLOW_EVENTS,
        [(decision.run_id.encode(), encoded(decision)) for decision in decisions],
    )


def encoded(decision: RawDecision) -> bytes:
    fields = {name: getattr(decision, name) for name in RawDecision.__struct_fields__}
    return encode(Decision(**fields | {"events": decode_events(decision.events)}))


def outbox(installation: Installation, database: str) -> AbstractContextManager[Popen[bytes]]:
    return processor(installation, "outbox", AOB_POSTGRES_DSN=database)


def count(database: str, table: str = "event_log") -> int:
    with psycopg.connect(database) as connection:
        row = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))).fetchone()
    return int(row[0]) if row else 0


def has_more(database: str, before: int) -> bool:
    return count(database) > before


def positions(database: str) -> dict[int, int]:
    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT partition, next_offset FROM sink_offsets WHERE group_name = %s AND topic = %s",
            [GROUP, WORKFLOW_EVENTS],
        ).fetchall()
    return dict(rows)


def decisions_in(database: str) -> list[tuple[str, int, int]]:
    with psycopg.connect(database) as connection:
        return connection.execute(
            "SELECT run_id, first_seq, last_seq FROM event_log ORDER BY run_id, first_seq"
        ).fetchall()


def assert_whole(database: str, runs: int, decisions: int) -> None:
    """Every run from its first event to its last, each event once."""
    rows = decisions_in(database)
    assert len(rows) == runs * decisions
    expected: dict[str, int] = {}
    for run_id, first_seq, last_seq in rows:
        assert first_seq == expected.get(run_id, 1)
        expected[run_id] = last_seq + 1
    with psycopg.connect(database) as connection:
        statuses = connection.execute("SELECT status, count(*) FROM runs GROUP BY status").fetchall()
    assert statuses == [("COMPLETED", runs)]


def test_kill_9_and_repeated_decisions_leave_each_one_once(installation: Installation, database: str) -> None:
    chains = [Run(f"r0_{number}").chain(5) for number in range(600)]
    steps = [step for position in zip(*chains, strict=True) for step in position]
    third = len(steps) // 3
    for end in (third, 2 * third, len(steps)):
        with outbox(installation, database) as process:
            before = count(database)
            # As a coordinator does that was killed: what it sent since its last commit leaves again.
            emit(installation, steps[max(0, end - third - 300) : end])
            wait_until(partial(has_more, database, before), "it has begun to write")
            process.kill()
    with outbox(installation, database):
        wait_until(
            lambda: positions(database) == ends(installation.bootstrap, WORKFLOW_EVENTS), "all is written"
        )
    assert_whole(database, 600, 6)


def test_sigterm_leaves_clean_offsets(installation: Installation, database: str) -> None:
    with outbox(installation, database) as process:
        emit(installation, [step for number in range(50) for step in Run(f"r0_{number}").chain(2)])
        wait_until(lambda: count(database) > 0, "it has begun to write")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert {p: offset for p, offset in positions(database).items() if offset} == committed(
        installation.bootstrap, GROUP, WORKFLOW_EVENTS
    )


def test_postgres_says_where_to_go_on(installation: Installation, database: str) -> None:
    emit(installation, [step for number in range(50) for step in Run(f"r0_{number}").chain(2)])
    ahead = [
        TopicPartition(WORKFLOW_EVENTS, number, offset)
        for number, offset in ends(installation.bootstrap, WORKFLOW_EVENTS).items()
    ]
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    admin.alter_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP, ahead)])[GROUP].result()
    with outbox(installation, database):
        wait_until(lambda: count(database) == 150, "Kafka's own offsets do not count")


def test_two_share_the_work(installation: Installation, database: str) -> None:
    runs = [Run(f"r0_{number}") for number in range(200)]
    chains = [run.chain(2) for run in runs]
    with outbox(installation, database) as first:
        emit(installation, [chain[0] for chain in chains])
        wait_until(lambda: count(database) == 200, "one writes all")
        with processor(installation, "outbox", AOB_POSTGRES_DSN=database, AOB_INSTANCE_ID="1") as second:
            admin = AdminClient({"bootstrap.servers": installation.bootstrap})
            wait_until(lambda: members(admin) == [2, 2], "each has two partitions")
            emit(installation, [step for chain in chains for step in chain[1:]])
            wait_until(lambda: count(database) == 600, "both write")
            assert first.poll() is None
            assert second.poll() is None
    assert_whole(database, 200, 3)


def members(admin: AdminClient) -> list[int]:
    group = admin.describe_consumer_groups([GROUP])[GROUP].result()
    return sorted(len(member.assignment.topic_partitions) for member in group.members)


def test_it_waits_for_postgres_and_lays_nothing_aside(
    installation: Installation, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    elsewhere = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    runs = [Run(f"r0_{number}").chain(1) for number in range(100)]
    with outbox(installation, database) as process:
        emit(installation, [chain[0] for chain in runs])
        wait_until(lambda: count(database) == 100, "it writes")
        with psycopg.connect(elsewhere, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'.encode())
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name]
            )
            emit(installation, [chain[1] for chain in runs])
            wait_until(lambda: "Postgres does not answer" in capfd.readouterr().err, "it has noticed")
            admin = AdminClient({"bootstrap.servers": installation.bootstrap})
            assert members(admin) == [PARTITIONS]
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'.encode())
        wait_until(lambda: count(database) == 200, "it goes on")
        assert process.poll() is None
    assert_whole(database, 100, 2)
    assert set(ends(installation.bootstrap, DEAD_LETTERS).values()) == {0}


def test_it_starts_without_postgres(installation: Installation, database: str) -> None:
    name = psycopg.conninfo.conninfo_to_dict(database)["dbname"]
    elsewhere = psycopg.conninfo.make_conninfo(database, dbname="postgres")
    with psycopg.connect(elsewhere, autocommit=True) as connection:
        connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS false'.encode())
        with outbox(installation, database) as process:
            emit(installation, Run("r0_1").chain(3))
            admin = AdminClient({"bootstrap.servers": installation.bootstrap})
            wait_until(lambda: members(admin) == [PARTITIONS], "it is a member")
            connection.execute(f'ALTER DATABASE "{name}" WITH ALLOW_CONNECTIONS true'.encode())
            wait_until(lambda: count(database) == 4, "it goes on")
            assert process.poll() is None


def test_what_is_no_record_of_ours_is_laid_aside(installation: Installation, database: str) -> None:
    timer = ArmTimer(workspace="w", run_id="r0_1", path="n", attempt=1, purpose="wait", due_at=1)
    bad = [(b"r0_1", b"garbage", "UNREADABLE"), (None, None, "UNREADABLE")]
    bad.append((b"r0_1", encode(timer), "UNEXPECTED_RECORD"))
    chain = Run("r0_1").chain(1)
    with outbox(installation, database):
        emit(installation, chain[:1])
        produce(installation.bootstrap, WORKFLOW_EVENTS, [(key, value) for key, value, _ in bad])
        emit(installation, chain[1:])
        wait_until(
            lambda: positions(database) == ends(installation.bootstrap, WORKFLOW_EVENTS), "all is dealt with"
        )
    messages = read_until(installation.bootstrap, DEAD_LETTERS, lambda found: len(found) >= len(bad))
    letters = [letter for m in messages if isinstance(letter := decode(m.value()), DeadLetter)]
    assert sorted((x.key or b"", x.value or b"", x.code) for x in letters) == sorted(
        (key or b"", value or b"", code) for key, value, code in bad
    )
    assert {(x.processor, x.topic) for x in letters} == {("outbox", WORKFLOW_EVENTS)}
    assert_whole(database, 1, 2)


def test_a_decision_that_cannot_be_read_is_laid_aside_and_marked(
    installation: Installation, database: str
) -> None:
    first, last = Run("r0_1").chain(1)
    fields = {name: getattr(first, name) for name in RawDecision.__struct_fields__}
    deep = started(inputs=inline_json(b"[" * 5000 + b"]" * 5000))
    bad = encode(Decision(**fields | {"events": [deep, *decode_events(first.events)[1:]]}))
    with outbox(installation, database):
        produce(installation.bootstrap, WORKFLOW_EVENTS, [(b"r0_1", bad)])
        emit(installation, [last])
        wait_until(lambda: count(database) == 2, "both decisions are there")
    (message,) = read_until(installation.bootstrap, DEAD_LETTERS, bool)
    letter = decode(message.value())
    assert isinstance(letter, DeadLetter)
    assert (letter.code, letter.key, letter.processor) == ("NOT_PROJECTED", b"r0_1", "outbox")
    assert letter.value == bad
    assert_whole(database, 1, 2)


def test_versions_of_workflows_are_written(installation: Installation, database: str) -> None:
    record = WorkflowVersioned(
        workspace="w",
        name="flow",
        seq=1,
        at=1,
        author="user:ann",
        tag="main",
        tag_version=1,
        version=1,
        definition_hash="a" * 64,
        definition=b'{"name": "flow"}',
    )
    with outbox(installation, database):
        produce(installation.bootstrap, WORKFLOW_EVENTS, [(b"wf:w/flow", encode(record))] * 2)
        wait_until(lambda: count(database, "workflow_versions") == 1, "the version is there")
        wait_until(lambda: count(database, "workflow_tags") == 1, "the tag is there")


def test_a_conflict_ends_the_process_loudly(
    installation: Installation, database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    first = raw("w", "r0_1", 1, [started("one")])
    other = raw("w", "r0_1", 1, [started("two")])
    with outbox(installation, database) as process:
        emit(installation, [first])
        wait_until(lambda: count(database) == 1, "the first stands")
        emit(installation, [other])
        assert process.wait(60) == 1
    assert capfd.readouterr().err.count("outbox ends: Conflict") == 1
    assert count(database) == 1
