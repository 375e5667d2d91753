"""Connections for the asynchronous readers."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool, PoolClosed, PoolTimeout

from storage.postgres.adapters import Context
from storage.postgres.errors import DatabaseUnavailable, InvalidText

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Connection = psycopg.AsyncConnection[DictRow]
Parameters = dict[str, Any]


class Pool:
    """Autocommitting connections. It fails with DatabaseUnavailable, or InvalidText for a bad value."""

    def __init__(self, dsn: str, *, name: str, size: int = 8, timeout_s: float = 5) -> None:
        """Prepare up to `size` connections; a caller waits `timeout_s` for one."""
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            dsn,
            min_size=1,
            max_size=size,
            timeout=timeout_s,
            open=False,
            name=name,
            kwargs={
                "autocommit": True,
                "row_factory": dict_row,
                "context": Context(),
                "application_name": f"aob-{name}",
            },
        )

    async def open(self) -> None:
        """Connect in the background: a database that is away at start may come."""
        await self._pool.open()

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Connection]:
        """Borrow a connection."""
        try:
            async with self._pool.connection() as connection:
                yield connection
        except (psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout, PoolClosed) as error:
            raise DatabaseUnavailable(f"the database does not answer: {error}") from error
        except psycopg.DataError as error:
            raise InvalidText(str(error)) from error

    async def rows(self, statement: bytes, parameters: Parameters) -> list[DictRow]:
        """Run one statement and return its rows."""
        async with self.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchall()

    async def count(self, statement: bytes, parameters: Parameters) -> int:
        """Run one statement and return how many rows it changed."""
        async with self.connection() as connection:
            return (await connection.execute(statement, parameters)).rowcount

    async def row(self, statement: bytes, parameters: Parameters) -> DictRow | None:
        """Run one statement and return its only row, if there is one."""
        async with self.connection() as connection:
            cursor = await connection.execute(statement, parameters)
            return await cursor.fetchone()
