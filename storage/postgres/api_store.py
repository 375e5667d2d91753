"""What the api keeps in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import psycopg
from psycopg.types.json import Json

from storage.postgres.api_rows import ApiKey, AuditEntry, StartClaim
from storage.postgres.errors import Conflict
from storage.postgres.rows import raw
from storage.postgres.statements import statements
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from storage.postgres.pool import Parameters, Pool

_SQL = statements("api_store")
_LAST = 2**62


class ApiStore(Protocol):
    """What the api keeps. All raise DatabaseUnavailable; times are Unix ms."""

    async def create_key(self, key: ApiKey) -> None:
        """Add a key, and its workspace when that is new. Conflict when its id or digest is taken."""
        ...

    async def bootstrap_key(self, key: ApiKey) -> None:
        """Add a key, or give a known digest this workspace, role and name. A revoked key stays revoked."""
        ...

    async def find_key(self, digest: str) -> ApiKey | None:
        """A key by its digest, revoked or not."""
        ...

    async def list_keys(self, workspace: str) -> list[ApiKey]:
        """The keys of a workspace, the oldest first."""
        ...

    async def revoke_key(self, workspace: str, key_id: str, at: int) -> bool:
        """Revoke a key; False when the workspace has none of this id. The first time counts."""
        ...

    async def ping(self) -> None:
        """Return when the store answers."""
        ...

    async def claim_start(
        self, workspace: str, key: str, request_hash: str, run_id: str, at: int
    ) -> StartClaim:
        """Let an idempotency key stand for a run, unless it stands for one already: that one answers."""
        ...

    async def forget_starts(self, before: int) -> int:
        """Forget the idempotency keys used before a time, and return how many they were."""
        ...

    async def claim_run_key(
        self, workspace: str, workflow: str, key: str, run_id: str, at: int, *, instead_of: str | None = None
    ) -> str:
        """Claim a business key for a run and return the run that has it now.

        It is claimed when nobody has it, or a run that has ended, or the run `instead_of`.
        """
        ...

    async def release_run_key(self, workspace: str, workflow: str, key: str, run_id: str) -> None:
        """Give a claim up whose start was not sent."""
        ...

    async def add_audit(self, entry: AuditEntry) -> int:
        """Append to the audit and return the entry's number."""
        ...

    async def list_audit(
        self, workspace: str, *, before: int | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Entries of a workspace below number `before`, the latest first."""
        ...


class PostgresApiStore:
    """`ApiStore` on Postgres."""

    def __init__(self, pool: Pool) -> None:
        """Work through `pool`, which the caller opens and closes."""
        self._pool = pool

    async def create_key(self, key: ApiKey) -> None:
        """Add a key."""
        if await self._put(key, "add_key") == 0:
            raise Conflict(f"there is an API key {key.key_id} already, or one with the same digest")

    async def bootstrap_key(self, key: ApiKey) -> None:
        """Add a key or update it."""
        try:
            await self._put(key, "put_key")
        except psycopg.errors.UniqueViolation as error:
            raise Conflict(f"there is another API key {key.key_id} already") from error

    async def find_key(self, digest: str) -> ApiKey | None:
        """A key by its digest, revoked or not."""
        row = await self._pool.row(_SQL["key_by_digest"], {"digest": digest})
        return None if row is None else ApiKey(**row)

    async def list_keys(self, workspace: str) -> list[ApiKey]:
        """The keys of a workspace, the oldest first."""
        return [ApiKey(**row) for row in await self._pool.rows(_SQL["keys"], {"workspace": workspace})]

    async def revoke_key(self, workspace: str, key_id: str, at: int) -> bool:
        """Revoke a key."""
        parameters = {"workspace": workspace, "key_id": key_id, "at": at}
        return await self._pool.row(_SQL["revoke_key"], parameters) is not None

    async def ping(self) -> None:
        """Return when Postgres answers."""
        await self._pool.row(_SQL["ping"], {})

    async def claim_start(
        self, workspace: str, key: str, request_hash: str, run_id: str, at: int
    ) -> StartClaim:
        """Let an idempotency key stand for a run."""
        names = {"workspace": workspace, "key": key}
        wish = names | {"request_hash": request_hash, "run_id": run_id, "at": at}
        while True:
            async with self._pool.connection() as connection:
                cursor = await connection.execute(_SQL["add_start"], wish)
                if cursor.rowcount:
                    return StartClaim(run_id, request_hash)
            # A statement of its own: it sees what another instance committed while the first one waited.
            row = await self._pool.row(_SQL["start"], names)
            if row is not None:
                return StartClaim(row["run_id"], row["request_hash"])

    async def forget_starts(self, before: int) -> int:
        """Forget old idempotency keys."""
        async with self._pool.connection() as connection:
            return (await connection.execute(_SQL["forget_starts"], {"before": before})).rowcount

    async def claim_run_key(
        self, workspace: str, workflow: str, key: str, run_id: str, at: int, *, instead_of: str | None = None
    ) -> str:
        """Claim a business key for a run."""
        names: Parameters = {"workspace": workspace, "workflow": workflow, "key": key}
        wish = names | {"run_id": run_id, "at": at, "instead_of": instead_of, "ended": sorted(ENDED)}
        while True:
            if await self._pool.row(_SQL["claim"], wish) is not None:
                return run_id
            holder = await self._pool.row(_SQL["holder"], names)
            # None: given back between the two statements.
            if holder is not None:
                return str(holder["run_id"])

    async def release_run_key(self, workspace: str, workflow: str, key: str, run_id: str) -> None:
        """Give a claim up."""
        names = {"workspace": workspace, "workflow": workflow, "key": key, "run_id": run_id}
        async with self._pool.connection() as connection:
            await connection.execute(_SQL["release"], names)

    async def add_audit(self, entry: AuditEntry) -> int:
        """Append to the audit."""
        parameters = {
            "workspace": entry.workspace,
            "at": entry.at,
            "author": entry.author,
            "action": entry.action,
            "target": entry.target,
            "detail": None if entry.detail is None else Json(entry.detail, dumps=bytes),
        }
        row = await self._pool.row(_SQL["add_audit"], parameters)
        return 0 if row is None else int(row["entry"])

    async def list_audit(
        self, workspace: str, *, before: int | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Entries of a workspace, the latest first."""
        parameters = {"workspace": workspace, "before": before or _LAST, "limit": limit}
        rows = await self._pool.rows(_SQL["audit"], parameters)
        return [AuditEntry(**row | {"detail": raw(row["detail"])}) for row in rows]

    async def _put(self, key: ApiKey, statement: str) -> int:
        parameters = {name: getattr(key, name) for name in ApiKey.__struct_fields__}
        async with self._pool.connection() as connection, connection.transaction():
            await connection.execute(_SQL["add_workspace"], parameters)
            return (await connection.execute(_SQL[statement], parameters)).rowcount
