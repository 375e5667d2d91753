"""The outbox's writer: decisions into rows, and the offsets that they came from, in one transaction."""

from __future__ import annotations

import struct
from operator import add
from typing import TYPE_CHECKING

import psycopg

from storage.postgres.adapters import Context
from storage.postgres.batch import Batch, LayAside, Partition, Written, pass_by, sort_out
from storage.postgres.errors import DatabaseUnavailable, Fenced, Hole, InvalidText
from storage.postgres.fold import fold
from storage.postgres.recent import Recent
from storage.postgres.salvage import breaks_off
from storage.postgres.sequence import Admitted, Place, admit, compare_repeated
from storage.postgres.statements import statements
from storage.postgres.table_writer import write_folded, write_log
from storage.postgres.workflow_writer import write_workflows

if TYPE_CHECKING:
    from collections.abc import Sequence

    from storage.postgres.batch import Arrival

_SQL = statements("projection")

# A commit need not wait for the disk: the offsets are in it, so what a crash of the server takes is written
# again. The joins are from a small batch into a large table, always by its index: plans are kept, and one
# that was made while the tables were empty would be ruinous later.
_SETTINGS = {
    "synchronous_commit": "off",
    "enable_seqscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
    "jit": "off",
}
_OPTIONS = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())

# What a value may be refused with. Class 54 is "program limit exceeded": a driver counts it among the errors
# of operation, but the same value meets it again.
_REFUSED = (
    psycopg.DataError,
    psycopg.OperationalError,
    ValueError,
    TypeError,
    LookupError,
    ArithmeticError,
    RecursionError,
    struct.error,
)
_PROGRAM_LIMIT = "54"


def _is_refused(error: Exception) -> bool:
    if isinstance(error, psycopg.OperationalError):
        return (error.sqlstate or "").startswith(_PROGRAM_LIMIT)
    return True


class Projection:
    """`Projecting` on Postgres. It connects when it is first used, and again after an error."""

    def __init__(self, dsn: str, group: str) -> None:
        """Write to the database of `dsn` with the positions of `group`, which all writers that share name."""
        self._dsn = dsn
        self._group = group
        self._connection: psycopg.Connection | None = None
        self._positions: dict[Partition, int] = {}
        self._recent = Recent()

    def next_offset(self, topic: str, partition: int) -> int:
        """Take a partition: the offset to go on from. DatabaseUnavailable."""
        # While the partition was somebody else's, its runs went on.
        self._recent.clear()
        place = (self._group, topic, partition)
        try:
            connection = self._connected()
            with connection.transaction():
                connection.execute(_SQL["make_position"], place)
                row = connection.execute(_SQL["position"], place).fetchone()
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._forget()
            raise DatabaseUnavailable(
                f"the position of {topic} {partition} cannot be read: {error}"
            ) from error
        position = int(row[0]) if row else 0
        self._positions[topic, partition] = position
        return position

    def write(self, arrivals: Sequence[Arrival], lay_aside: LayAside = pass_by) -> Written:
        """Write a batch, in one transaction unless something in it is refused: see `Projecting.write`."""
        try:
            return self._write_or_part(arrivals, lay_aside)
        except (psycopg.OperationalError, psycopg.InterfaceError) as error:
            self._forget()
            raise DatabaseUnavailable(f"a batch cannot be written: {error}") from error
        except BaseException:
            self._forget()
            raise

    def _write_or_part(self, arrivals: Sequence[Arrival], lay_aside: LayAside) -> Written:
        """Part a batch that is refused, until what is refused stands alone."""
        try:
            return self._write(arrivals, lay_aside)
        except _REFUSED as error:
            if not _is_refused(error):
                raise
            reason = f"{type(error).__name__}: {error}"
        middle = len(arrivals) // 2
        if middle:
            one = self._write_or_part(arrivals[:middle], lay_aside)
            two = self._write_or_part(arrivals[middle:], lay_aside)
            return Written(*map(add, one, two))
        try:
            return self._write(arrivals, lay_aside, reason)
        except _REFUSED as error:
            if not _is_refused(error):
                raise
            raise InvalidText(f"Postgres refuses even the marks of a record: {error}") from error

    def _write(self, arrivals: Sequence[Arrival], lay_aside: LayAside, refused: str | None = None) -> Written:
        batch = sort_out(arrivals, self._positions, refused)
        if not batch.moved:
            return Written()
        connection = self._connected()
        with connection.transaction(), connection.cursor() as cursor:
            self._move(cursor, batch)
            admitted = self._admit(cursor, batch)
            if admitted.fresh:
                write_log(cursor, admitted.fresh)
                write_folded(cursor, fold(admitted.fresh))
            workflows = write_workflows(cursor, batch.workflows)
            for arrival, reason in batch.laid_aside:
                lay_aside(arrival, reason)
        self._positions.update(batch.moved)
        self._recent.update(admitted.last_seqs)
        events = sum(len(decision.events) for decision in admitted.fresh)
        return Written(len(admitted.fresh), events, len(admitted.repeated), workflows)

    def close(self) -> None:
        """Close the connection."""
        self._forget()

    def _connected(self) -> psycopg.Connection:
        if self._connection is None:
            connection = psycopg.connect(
                self._dsn,
                autocommit=True,
                context=Context(),
                application_name=f"aob-outbox-{self._group}",
                options=_OPTIONS,
            )
            self._connection = connection
            connection.execute(_SQL["stage_runs"])
            connection.execute(_SQL["stage_nodes"])
        return self._connection

    def _forget(self) -> None:
        """Whether the last batch is in is not known now: nothing that was remembered counts."""
        self._positions.clear()
        self._recent.clear()
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _move(self, cursor: psycopg.Cursor, batch: Batch) -> None:
        places = sorted(batch.moved)
        cursor.execute(
            _SQL["move"],
            [
                [topic for topic, _ in places],
                [partition for _, partition in places],
                [self._positions[place] for place in places],
                [batch.moved[place] for place in places],
                self._group,
            ],
        )
        if cursor.rowcount != len(places):
            lost = len(places) - cursor.rowcount
            raise Fenced(f"{lost} of {len(places)} partitions were moved by another writer of {self._group}")

    def _admit(self, cursor: psycopg.Cursor, batch: Batch) -> Admitted:
        wanted = {decision.raw.run_id for decision in batch.decisions}
        last_seqs = {run_id: seq for run_id in wanted if (seq := self._recent.get(run_id)) is not None}
        if unknown := wanted - last_seqs.keys():
            cursor.execute(_SQL["last_seqs"], [list(unknown)])
            last_seqs.update(cursor.fetchall())
        try:
            admitted = admit(batch.decisions, last_seqs)
        except Hole:
            cursor.execute(_SQL["last_decisions"], [list(wanted)])
            broken_off = {run_id for run_id, events in cursor.fetchall() if breaks_off(events)}
            admitted = admit(batch.decisions, last_seqs, broken_off)
        if admitted.repeated:
            compare_repeated(admitted, self._stored(cursor, admitted))
        return admitted

    def _stored(self, cursor: psycopg.Cursor, admitted: Admitted) -> dict[Place, bytes]:
        places = {(raw.run_id, raw.first_seq) for raw, _, _, _ in admitted.repeated}
        run_ids, seqs = zip(*places, strict=True)
        cursor.execute(_SQL["decisions"], [list(run_ids), list(seqs)])
        return {(run_id, first_seq): events for run_id, first_seq, events in cursor.fetchall()}
