"""Records to bytes and back: Avro single-object encoding, so that every record names its own schema."""

from __future__ import annotations

import io
import types
import typing
from collections.abc import Callable

import fastavro
import msgspec

from engine.decision import Decision
from storage.wire import schemas
from storage.wire.decisions import decision_from_avro, decision_to_avro
from storage.wire.records import RECORDS, Record

HEADER_SIZE = 10

Convert = Callable[[typing.Any], typing.Any]


class WireError(Exception):
    """Bytes that are no record of ours; the message says why."""


def _members(hint: object) -> tuple[object, bool]:
    """The type without None, and whether None is allowed."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        args = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return args[0], True
    return hint, False


def _optional(convert: Convert | None) -> Convert | None:
    if convert is None:
        return None
    return lambda value: None if value is None else convert(value)


def _to_avro(hint: object) -> Convert | None:
    """How a value of this type becomes what fastavro writes; None when it is that already."""
    hint, nullable = _members(hint)
    convert: Convert | None = None
    if hint is msgspec.Raw:
        convert = bytes
    elif typing.get_origin(hint) is list:
        item = _to_avro(typing.get_args(hint)[0])
        convert = None if item is None else (lambda values, item=item: [item(value) for value in values])
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        convert = _struct_to_avro(hint)
    return _optional(convert) if nullable else convert


def _struct_to_avro(kind: type[msgspec.Struct]) -> Convert:
    hints = typing.get_type_hints(kind)
    fields = [(field.name, _to_avro(hints[field.name])) for field in msgspec.structs.fields(kind)]

    def convert(value: msgspec.Struct) -> dict[str, object]:
        return {
            name: getattr(value, name) if inner is None else inner(getattr(value, name)) for name, inner in fields
        }

    return convert


def _from_avro(hint: object) -> Convert | None:
    hint, nullable = _members(hint)
    convert: Convert | None = None
    if hint is msgspec.Raw:
        convert = msgspec.Raw
    elif typing.get_origin(hint) is list:
        item = _from_avro(typing.get_args(hint)[0])
        convert = None if item is None else (lambda values, item=item: [item(value) for value in values])
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        convert = _struct_from_avro(hint)
    return _optional(convert) if nullable else convert


def _struct_from_avro(kind: type[msgspec.Struct]) -> Convert:
    hints = typing.get_type_hints(kind)
    inner = [
        (field.name, convert)
        for field in msgspec.structs.fields(kind)
        if (convert := _from_avro(hints[field.name])) is not None
    ]

    def convert(value: dict[str, typing.Any]) -> msgspec.Struct:
        for name, item in inner:
            value[name] = item(value[name])
        return kind(**value)

    return convert


_WRITERS: dict[type, tuple[schemas.Schema, Convert]] = {
    kind: (
        schemas.current()[kind.__name__],
        decision_to_avro if kind is Decision else _struct_to_avro(kind),
    )
    for kind in RECORDS
}
_READERS: dict[str, Convert] = {
    kind.__name__: decision_from_avro if kind is Decision else _struct_from_avro(kind) for kind in RECORDS
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
        msg = "the record's schema is unknown" if known else "the record is not in Avro's single-object encoding"
        raise WireError(msg)
    current = schemas.current()[schema.name]
    reader = None if current.header == schema.header else current.parsed
    buffer = io.BytesIO(data)
    buffer.seek(HEADER_SIZE)
    try:
        value = fastavro.schemaless_reader(buffer, schema.parsed, reader)
        if buffer.tell() != len(data):
            msg = f"{len(data) - buffer.tell()} bytes are left over behind the record"
            raise WireError(msg)
        return typing.cast("Record", _READERS[schema.name](value))
    except WireError:
        raise
    except Exception as error:  # any error of a decoder fed with foreign bytes means the same
        msg = f"the bytes are no {schema.name}: {type(error).__name__}: {error}"
        raise WireError(msg) from error
