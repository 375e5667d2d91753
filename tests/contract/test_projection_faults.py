"""The projection when its connection breaks, and when several share the work."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
import pytest

from engine.payload import inline_json
from engine.workflow_versioned import WorkflowVersioned
from storage.postgres.batch import Arrival
from storage.postgres.errors import DatabaseUnavailable, Fenced
from storage.postgres.projection import Projection
from tests.support.decisions import TOPIC, Run, arrivals, started

if TYPE_CHECKING:
    from storage.wire.peek import RawDecision

pytestmark = pytest.mark.integration


def break_connections(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


def count(dsn: str, table: str) -> int:
    with psycopg.connect(dsn) as connection:
        row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608
        assert row is not None
        return int(row[0])


def test_a_broken_connection_is_made_anew_and_nothing_is_lost_or_doubled(database: str) -> None:
    decisions = Run("r0_a").chain(5)
    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)
    projection.write(arrivals(decisions[:2]))
    break_connections(database)

    with pytest.raises(DatabaseUnavailable, match="a batch cannot be written"):
        projection.write(arrivals(decisions[2:], 2))
    with pytest.raises(Fenced):
        projection.write(arrivals(decisions[2:], 2))
    position = projection.next_offset(TOPIC, 0)
    assert position == 2
    projection.write(arrivals(decisions[position:], position))
    projection.close()
    assert count(database, "event_log") == len(decisions)


def test_no_server_is_said_so() -> None:
    projection = Projection("postgresql://127.0.0.1:1/none?connect_timeout=2", "outbox")

    with pytest.raises(DatabaseUnavailable, match=r"the position of workflow\.events 0"):
        projection.next_offset(TOPIC, 0)


def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(query.encode()).fetchall()


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (Run("r0_bad").chain(1, inline_json(b'"\xff\xfe"')), "invalid byte sequence"),
        # Random enough not to be compressed below what an entry of an index may have.
        (
            [Run("r0_bad").decide(started("".join(f"{n * n * 7919:x}" for n in range(3000))))],
            "ProgramLimitExceeded",
        ),
    ],
)
def test_what_postgres_refuses_is_marked_and_the_batch_goes_on(
    database: str, bad: list[RawDecision], reason: str
) -> None:
    before, after = Run("r0_before").chain(3), Run("r0_after").chain(3)
    laid_aside: list[tuple[int, str]] = []
    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)

    batch = arrivals([*before, *bad, *after])
    written = projection.write(batch, lambda arrival, why: laid_aside.append((arrival.offset, why)))
    again = projection.write(arrivals([*bad, *after], len(batch)))
    assert projection.next_offset(TOPIC, 0) == 2 * len(batch) - len(before)
    projection.close()

    assert written.decisions == len(batch)
    assert again.repeated == len(batch) - len(before)
    assert len(laid_aside) == len({offset for offset, _ in laid_aside}) > 0
    assert {batch[offset].record for offset, _ in laid_aside} <= set(bad)
    assert any(reason in why for _, why in laid_aside)
    statuses = {str(row[0]): row[1] for row in rows(database, "SELECT run_id, status FROM runs")}
    assert (statuses["r0_before"], statuses["r0_after"]) == ("COMPLETED", "COMPLETED")
    assert statuses["r0_bad"] == ("COMPLETED" if len(bad) > 1 else "RUNNING")
    (marked,) = rows(database, "SELECT count(*) FROM event_log WHERE events::text LIKE '%event.unreadable%'")
    assert marked == (len(laid_aside),)


def test_a_nul_in_a_name_is_replaced(database: str) -> None:
    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)
    projection.write(arrivals([Run("r0_a").decide(started("a\0b", priority="\0"))]))
    projection.close()

    assert rows(database, "SELECT workflow, priority FROM runs") == [("a\ufffdb", "\ufffd")]


def test_a_workflow_that_postgres_refuses_keeps_its_place_without_its_definition(database: str) -> None:
    def versioned(version: int, definition: bytes) -> WorkflowVersioned:
        return WorkflowVersioned(
            workspace="w",
            name="flow",
            seq=version,
            at=1,
            author="user:\0ann",
            tag="main",
            tag_version=version,
            version=version,
            definition_hash="a" * 64,
            definition=definition,
        )

    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)
    records = [versioned(1, b"[" * 100_000 + b"]" * 100_000), versioned(2, b"{}")]
    projection.write([Arrival(TOPIC, 0, offset, record) for offset, record in enumerate(records)])
    projection.close()

    found = rows(database, "SELECT version, author, definition::text FROM workflow_versions ORDER BY version")
    assert found == [(1, "user:\ufffdann", None), (2, "user:\ufffdann", "{}")]


def test_two_writers_share_the_partitions(database: str) -> None:
    one, two = Projection(database, "outbox"), Projection(database, "outbox")
    one.next_offset(TOPIC, 0)
    two.next_offset(TOPIC, 1)
    for number in range(0, 20, 2):
        one.write(arrivals(Run(f"r0_{number}").chain(2), number * 3, 0))
        two.write(arrivals(Run(f"r0_{number + 1}").chain(2), number * 3, 1))
    one.close()
    two.close()

    assert count(database, "runs") == 20
    assert count(database, "event_log") == 60


def test_the_log_keeps_what_caused_a_decision(database: str) -> None:
    decisions = Run("r0_a").chain(1)
    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)
    projection.write(arrivals(decisions))
    projection.close()

    with psycopg.connect(database) as connection:
        rows = connection.execute(
            "SELECT first_seq, last_seq, cause_type, cause, log_offset FROM event_log ORDER BY first_seq"
        ).fetchall()
    assert rows == [
        (1, 2, "RunAdmitted", decisions[0].cause, 1),
        (3, 4, "JobSucceeded", decisions[1].cause, 2),
    ]
