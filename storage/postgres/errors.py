"""What can go wrong with the database, in words that do not name its driver."""

from __future__ import annotations


class DatabaseUnavailable(Exception):  # noqa: N818 (the errors of this package read as what happened)
    """Postgres did not answer, or broke off: the same call may succeed later."""


class MigrationRefused(Exception):  # noqa: N818
    """The database and the migration files do not fit together; the message says how."""


class Fenced(Exception):  # noqa: N818
    """The offsets are elsewhere: this writer lost the partition, or never asked for its position."""


class Conflict(Exception):  # noqa: N818
    """What stands in the projection under the same number is something else: stop, and find out why."""


class Hole(Exception):  # noqa: N818
    """Numbers are missing before a record: stop, and find out what was lost."""


class InvalidText(ValueError):  # noqa: N818
    """A value that Postgres cannot hold, such as a text with a NUL character: nothing is named so."""
