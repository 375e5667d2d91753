"""Migrations on a real Postgres."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import psycopg
import pytest

from storage.postgres.errors import DatabaseUnavailable, MigrationRefused
from storage.postgres.migrate import Migration, migrate, read_migrations

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.integration

ONE = Migration("0001_one.pre.sql", post=False, sql=b"CREATE TABLE one (n int)")
ONE_POST = Migration("0001_one.post.sql", post=True, sql=b"ALTER TABLE one ADD m int")
TWO = Migration("0002_two.pre.sql", post=False, sql=b"CREATE TABLE two (n int); INSERT INTO two VALUES (1)")


def tables(dsn: str) -> set[str]:
    with psycopg.connect(dsn) as connection:
        return {
            row[0]
            for row in connection.execute(
                "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public'"
            )
        }


def test_an_empty_database_gets_every_table_and_a_second_run_does_nothing(empty_database: str) -> None:
    assert migrate(empty_database) == [migration.name for migration in read_migrations()]
    before = tables(empty_database)

    assert {"runs", "run_nodes", "event_log", "sink_offsets", "api_keys", "start_requests"} <= before
    assert migrate(empty_database) == []
    assert tables(empty_database) == before


def test_two_at_once_share_the_work(empty_database: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        ran = list(pool.map(lambda _: migrate(empty_database), range(4)))

    assert max(ran, key=len) == [migration.name for migration in read_migrations()]
    assert sum(map(len, ran)) == len(read_migrations())


def test_a_new_file_runs_alone(empty_database: str) -> None:
    migrate(empty_database, migrations=[ONE])

    assert migrate(empty_database, migrations=[ONE, TWO]) == [TWO.name]


def test_post_files_wait_and_hold_up_what_comes_behind_them(empty_database: str) -> None:
    known = [ONE, ONE_POST, TWO]

    assert migrate(empty_database, post=False, migrations=known) == [ONE.name]
    assert migrate(empty_database, migrations=known) == [ONE_POST.name, TWO.name]


def test_a_changed_file_is_refused(empty_database: str) -> None:
    migrate(empty_database, migrations=[ONE])
    changed = ONE._replace(sql=ONE.sql + b" ")

    with pytest.raises(MigrationRefused, match=r"0001_one\.pre\.sql was changed after it ran"):
        migrate(empty_database, migrations=[changed, TWO])
    assert "two" not in tables(empty_database)


def test_a_database_from_the_future_is_refused(empty_database: str) -> None:
    migrate(empty_database, migrations=[ONE, TWO])

    with pytest.raises(MigrationRefused, match=r"ahead of this code: it has 0002_two\.pre\.sql"):
        migrate(empty_database, migrations=[ONE])


def test_a_file_slipped_in_before_one_that_ran_is_refused(empty_database: str) -> None:
    migrate(empty_database, migrations=[ONE, TWO])

    with pytest.raises(MigrationRefused, match=r"0001_one\.post\.sql is new but comes before"):
        migrate(empty_database, migrations=[ONE, ONE_POST, TWO])


def test_a_file_that_fails_leaves_nothing_of_itself_and_keeps_what_ran_before(empty_database: str) -> None:
    broken = Migration("0002_two.pre.sql", post=False, sql=b"CREATE TABLE two (n int); SELECT 1 / 0")

    with pytest.raises(MigrationRefused, match=r"0002_two\.pre\.sql fails: division by zero"):
        migrate(empty_database, migrations=[ONE, broken])
    assert tables(empty_database) == {"one", "schema_migrations"}
    assert migrate(empty_database, migrations=[ONE, TWO]) == [TWO.name]


def test_no_server_is_said_so() -> None:
    with pytest.raises(DatabaseUnavailable, match="cannot migrate"):
        migrate("postgresql://127.0.0.1:1/none?connect_timeout=2")


def test_what_is_no_connection_string_is_said_so_without_showing_it() -> None:
    with pytest.raises(DatabaseUnavailable, match="is like postgresql://") as caught:
        migrate("ann:hunter2@db/aob")

    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["1_short.pre.sql", "0001_initial.sql", "0001-x.pre.sql", "0001_X.pre.sql"])
def test_a_misnamed_file_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("SELECT 1")

    with pytest.raises(MigrationRefused, match="are named"):
        read_migrations(tmp_path)


def test_files_run_in_order_and_numbers_are_unique(tmp_path: Path) -> None:
    for name in ("0002_b.pre.sql", "0001_a.post.sql", "0001_a.pre.sql", "README.md"):
        (tmp_path / name).write_text("SELECT 1")

    assert [m.name for m in read_migrations(tmp_path)] == [
        "0001_a.pre.sql",
        "0001_a.post.sql",
        "0002_b.pre.sql",
    ]
    (tmp_path / "0002_c.pre.sql").write_text("SELECT 1")
    with pytest.raises(MigrationRefused, match="the same number"):
        read_migrations(tmp_path)
