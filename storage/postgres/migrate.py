"""Numbered SQL files, each run once.

`migrations/NNNN_name.pre.sql` runs before new processes start and leaves old ones working;
`NNNN_name.post.sql` runs when no old process is left. They run in the order of their numbers, `pre` before
`post`, each in a transaction of its own that also records it.
"""

from __future__ import annotations

import hashlib
import re
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

import psycopg
from psycopg.conninfo import conninfo_to_dict

from storage.postgres.errors import DatabaseUnavailable, MigrationRefused

if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.resources.abc import Traversable

LOCK = 0x616F62
"""Key of the advisory lock that lets one `migrate` work at a time (`aob` in ASCII)."""

_NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9_]+\.(?P<phase>pre|post)\.sql")

_RECORDS = """
CREATE TABLE IF NOT EXISTS schema_migrations (
    name       text COLLATE "C" PRIMARY KEY,
    checksum   text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT now()
)
"""


class Migration(NamedTuple):
    """A file: its name, whether it waits for the old processes to be gone, its SQL."""

    name: str
    post: bool
    sql: bytes

    @property
    def checksum(self) -> str:
        """SHA-256 of the file."""
        return hashlib.sha256(self.sql).hexdigest()


def read_migrations(folder: Traversable | None = None) -> list[Migration]:
    """The migrations of a folder (by default the product's) in the order in which they run."""
    found: dict[tuple[int, bool], Migration] = {}
    for file in (folder or files("migrations")).iterdir():
        if not file.name.endswith(".sql"):
            continue
        match = _NAME.fullmatch(file.name)
        if match is None:
            raise MigrationRefused(
                f"{file.name}: migrations are named NNNN_name.pre.sql or NNNN_name.post.sql"
            )
        place = int(match["number"]), match["phase"] == "post"
        if place in found:
            raise MigrationRefused(f"{file.name} and {found[place].name} have the same number")
        found[place] = Migration(file.name, place[1], file.read_bytes())
    return [found[place] for place in sorted(found)]


def migrate(dsn: str, *, post: bool = True, migrations: Sequence[Migration] | None = None) -> list[str]:
    """Bring the database up to date and return the names of the files that ran, in order.

    Several callers may do so at once: one works, the others wait and find nothing left. With `post=False` it
    stops before the first file that waits for old processes to be gone. MigrationRefused when a file that ran
    was changed or is gone, or the database refuses one; DatabaseUnavailable.
    """
    known = read_migrations() if migrations is None else migrations
    _check(dsn)
    try:
        with psycopg.connect(dsn, autocommit=True, application_name="aob-migrate") as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [LOCK])
            connection.execute(_RECORDS)
            return [_apply(connection, migration) for migration in _pending(connection, known, post=post)]
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"cannot migrate the database: {error}") from error
    except psycopg.Error as error:
        raise MigrationRefused(f"the database refuses to be migrated: {error}") from error


def _check(dsn: str) -> None:
    """The driver's own words would show parts of it, which may be a password."""
    try:
        conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        raise DatabaseUnavailable(
            "that is no connection string of Postgres: one is like postgresql://USER:PASSWORD@HOST/DATABASE"
        ) from None


def _pending(connection: psycopg.Connection, known: Sequence[Migration], *, post: bool) -> list[Migration]:
    rows = connection.execute("SELECT name, checksum FROM schema_migrations").fetchall()
    applied: dict[str, str] = dict(rows)
    if ahead := sorted(applied.keys() - {migration.name for migration in known}):
        raise MigrationRefused(f"the database is ahead of this code: it has {', '.join(ahead)}")
    pending: list[Migration] = []
    for migration in known:
        checksum = applied.get(migration.name)
        if checksum is None:
            pending.append(migration)
        elif checksum != migration.checksum:
            raise MigrationRefused(f"{migration.name} was changed after it ran: add a new migration instead")
        elif pending:
            raise MigrationRefused(
                f"{pending[0].name} is new but comes before {migration.name}, which ran already"
            )
    if not post:
        waiting = next((at for at, migration in enumerate(pending) if migration.post), len(pending))
        pending = pending[:waiting]
    return pending


def _apply(connection: psycopg.Connection, migration: Migration) -> str:
    try:
        with connection.transaction():
            connection.execute(migration.sql)
            connection.execute(
                "INSERT INTO schema_migrations (name, checksum) VALUES (%s, %s)",
                [migration.name, migration.checksum],
            )
    except psycopg.OperationalError:
        raise
    except psycopg.Error as error:
        raise MigrationRefused(f"{migration.name} fails: {error}") from error
    return migration.name
