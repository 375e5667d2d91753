"""The Avro schemas in `schemas/avro/`, by record name and by CRC-64-AVRO fingerprint.

`schemas/avro/*.avsc` are what we write; `schemas/avro/old/*.avsc` were written once and are still read.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, NamedTuple

import fastavro
from fastavro.schema import fingerprint, to_parsing_canonical_form

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

SINGLE_OBJECT_MARKER = b"\xc3\x01"


class Schema(NamedTuple):
    """A parsed schema, and the ten bytes that a record of it begins with."""

    name: str
    parsed: dict[str, Any]
    header: bytes


def _load(file: Traversable) -> Schema:
    raw = json.loads(file.read_text("utf-8"))
    digest = fingerprint(to_parsing_canonical_form(raw), "CRC-64-AVRO")
    # The specification wants little-endian bytes; fastavro prints them that way round.
    header = SINGLE_OBJECT_MARKER + bytes.fromhex(digest)
    parsed = fastavro.parse_schema(raw)
    if not isinstance(parsed, dict):
        msg = f"{file.name} holds no record"
        raise TypeError(msg)
    return Schema(raw["name"], parsed, header)


def _folder(*parts: str) -> list[Schema]:
    folder = files("schemas").joinpath("avro", *parts)
    if not folder.is_dir():
        return []
    return [_load(f) for f in sorted(folder.iterdir(), key=lambda f: f.name) if f.name.endswith(".avsc")]


@cache
def current() -> dict[str, Schema]:
    """Record name -> the schema that we write."""
    return {schema.name: schema for schema in _folder()}


@cache
def readable() -> dict[bytes, Schema]:
    """Header -> every schema that we can read."""
    return {schema.header: schema for schema in [*_folder("old"), *current().values()]}
