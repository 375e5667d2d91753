"""How our connections read JSON: as the bytes that stand in the column, undecoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psycopg
from psycopg.adapt import AdaptersMap, Loader
from psycopg.types.string import BytesBinaryDumper

if TYPE_CHECKING:
    from psycopg.abc import Buffer


class _JsonText(Loader):
    def load(self, data: Buffer) -> bytes:
        return bytes(data)


def adapters() -> AdaptersMap:
    """The adaptation that connections of this package are made with."""
    own = AdaptersMap(psycopg.adapters)
    own.register_loader("json", _JsonText)
    # The dumper registered last is the one that COPY takes for bytea: not the slow one of DBAPI's `Binary`.
    own.register_dumper(bytes, BytesBinaryDumper)
    return own


class Context:
    """What psycopg's `context` parameter wants: the adapters, without a connection."""

    connection = None

    def __init__(self) -> None:
        self.adapters = adapters()
