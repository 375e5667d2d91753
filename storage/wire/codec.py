"""Records to bytes and back: Avro single-object encoding, so that every record names its own schema."""

from __future__ import annotations

import io
import typing

import fastavro

from engine.decision import Decision
from storage.wire import schemas
from storage.wire.convert import Convert, absent_fields, struct_from_avro, struct_to_avro
from storage.wire.decisions import decision_from_avro, decision_to_avro
from storage.wire.records import RECORDS, Record

if typing.TYPE_CHECKING:
    import msgspec

HEADER_SIZE = 10


class WireError(Exception):
    """Bytes that are no record of ours; the message says why."""


def _absent(kind: type[msgspec.Struct]) -> dict[str, object]:
    return absent_fields(kind, schemas.current()[kind.__name__].parsed)


_WRITERS: dict[type, tuple[schemas.Schema, Convert]] = {
    kind: (
        schemas.current()[kind.__name__],
        decision_to_avro if kind is Decision else struct_to_avro(kind, _absent(kind)),
    )
    for kind in RECORDS
}
_READERS: dict[str, Convert] = {
    kind.__name__: decision_from_avro if kind is Decision else struct_from_avro(kind, _absent(kind))
    for kind in RECORDS
}


def encode(record: Record) -> bytes:
    """Encode a record; TypeError or ValueError if a field has a wrong type (a bug of the caller)."""
    schema, convert = _WRITERS[type(record)]
    buffer = io.BytesIO()
    buffer.write(schema.header)
    fastavro.schemaless_writer(buffer, schema.parsed, convert(record))
    return buffer.getvalue()


def decode(data: bytes | None) -> Record:
    """Decode a record of any kind that we know; WireError for anything else."""
    if data is None:
        msg = "the record is empty (a tombstone)"
        raise WireError(msg)
    schema = schemas.readable().get(data[:HEADER_SIZE])
    if schema is None:
        known = data[:2] == schemas.SINGLE_OBJECT_MARKER
        msg = (
            "the record's schema is unknown"
            if known
            else "the record is not in Avro's single-object encoding"
        )
        raise WireError(msg)
    current = schemas.current()[schema.name]
    reader = None if current.header == schema.header else current.parsed
    buffer = io.BytesIO(data)
    buffer.seek(HEADER_SIZE)
    try:
        value = fastavro.schemaless_reader(buffer, schema.parsed, reader)
        record: Record = _READERS[schema.name](value)
    except Exception as error:  # any error of a decoder fed with foreign bytes means the same
        msg = f"the bytes are no {schema.name}: {type(error).__name__}: {error}"
        raise WireError(msg) from error
    if buffer.tell() != len(data):
        raise WireError(f"{len(data) - buffer.tell()} bytes are left over behind the record")
    return record
