"""Structs to what fastavro writes, and back, by the type hints of their fields."""

from __future__ import annotations

import types
import typing
from collections.abc import Callable

import msgspec

from engine.payload import Payload

Convert = Callable[[typing.Any], typing.Any]

_EMPTY: dict[str, object] = {"string": "", "bytes": b"", "long": 0}
_EMPTY_PAYLOAD = {"json": b"", "ref": None}

# The very object: msgspec omits a default only when it is the same one, and writes broken JSON otherwise.
_NO_JSON = Payload().json


def members(hint: object) -> tuple[object, bool]:
    """The type without None, and whether None is allowed."""
    if typing.get_origin(hint) in (typing.Union, types.UnionType):
        args = [arg for arg in typing.get_args(hint) if arg is not types.NoneType]
        return args[0], True
    return hint, False


def absent_fields(kind: type[msgspec.Struct], schema: dict[str, typing.Any]) -> dict[str, object]:
    """Optional fields that the schema does not make a union: their type's empty value stands for None.

    Resolving a union costs fastavro a few microseconds a field; hot records do without.
    """
    hints = typing.get_type_hints(kind)
    return {
        field["name"]: _EMPTY[field["type"]] if isinstance(field["type"], str) else _EMPTY_PAYLOAD
        for field in schema["fields"]
        if members(hints[field["name"]])[1] and not isinstance(field["type"], list)
    }


def struct_to_avro(kind: type[msgspec.Struct], absent: dict[str, object] | None = None) -> Convert:
    """How a struct becomes a dict for fastavro."""
    hints = typing.get_type_hints(kind)
    empty = absent or {}
    converted = [
        (field.name, inner)
        for field in msgspec.structs.fields(kind)
        if (inner := _to_avro(hints[field.name], empty.get(field.name))) is not None
    ]

    def convert(value: msgspec.Struct) -> dict[str, typing.Any]:
        fields = msgspec.structs.asdict(value)
        for name, inner in converted:
            fields[name] = inner(fields[name])
        return fields

    return convert


def _to_avro(hint: object, empty: object = None) -> Convert | None:
    """How a value of this type becomes what fastavro writes; None when it is that already."""
    hint, nullable = members(hint)
    convert: Convert | None = None
    if hint is msgspec.Raw:
        convert = bytes
    elif typing.get_origin(hint) is list:
        item = _to_avro(typing.get_args(hint)[0])
        convert = None if item is None else (lambda values, item=item: [item(value) for value in values])
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        convert = struct_to_avro(hint)
    if not nullable or (convert is None and empty is None):
        return convert
    if convert is None:
        return lambda value: empty if value is None else value
    return lambda value: empty if value is None else convert(value)


def struct_from_avro(kind: type[msgspec.Struct], absent: dict[str, object] | None = None) -> Convert:
    """How a dict that fastavro read becomes a struct."""
    hints = typing.get_type_hints(kind)
    empty = absent or {}
    inner = [
        (field.name, item)
        for field in msgspec.structs.fields(kind)
        if (item := _from_avro(hints[field.name], empty.get(field.name))) is not None
    ]

    def convert(value: dict[str, typing.Any]) -> msgspec.Struct:
        for name, revive in inner:
            value[name] = revive(value[name])
        return kind(**value)

    return convert


def _from_avro(hint: object, empty: object = None) -> Convert | None:
    hint, nullable = members(hint)
    convert: Convert | None = None
    if hint is msgspec.Raw:
        convert = _raw
    elif typing.get_origin(hint) is list:
        item = _from_avro(typing.get_args(hint)[0])
        convert = None if item is None else (lambda values, item=item: [item(value) for value in values])
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        convert = struct_from_avro(hint)
    if not nullable or (convert is None and empty is None):
        return convert
    if convert is None:
        return lambda value: None if value == empty else value
    return lambda value: None if value is None or value == empty else convert(value)


def _raw(value: bytes) -> msgspec.Raw:
    return msgspec.Raw(value) if value else _NO_JSON
