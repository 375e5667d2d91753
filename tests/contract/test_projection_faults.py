"""The projection when its connection breaks, and when several share the work."""

from __future__ import annotations

import psycopg
import pytest

from engine.payload import inline_json
from storage.postgres.errors import DatabaseUnavailable, Fenced, InvalidText
from storage.postgres.projection import Projection
from tests.support.decisions import TOPIC, Run, arrivals

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


def test_json_that_is_no_utf8_is_refused_whole(database: str) -> None:
    projection = Projection(database, "outbox")
    projection.next_offset(TOPIC, 0)

    with pytest.raises(InvalidText):
        projection.write(arrivals(Run("r0_a").chain(1, inline_json(b'"\xff\xfe"'))))
    projection.close()
    assert count(database, "runs") == 0
    assert count(database, "sink_offsets") == 1


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
