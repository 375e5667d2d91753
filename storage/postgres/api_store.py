"""What the api keeps in Postgres."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import msgspec
import psycopg
from psycopg.types.json import Json

from storage.postgres.api_rows import ApiKey, AuditEntry, KeyHolder, RunKey, StartClaim
from storage.postgres.errors import Conflict
from storage.postgres.rows import raw
from storage.postgres.statements import statements
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from storage.postgres.pool import Pool

_SQL = statements("api_store")
_LAST = 2**62
_ENDED = sorted(ENDED)


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

    async def find_start(self, workspace: str, key: str) -> StartClaim | None:
        """What an idempotency key stands for."""
        ...

    async def claim_start(self, workspace: str, key: str, claim: StartClaim, at: int) -> StartClaim:
        """Let an idempotency key stand for a run, unless it stands for one already: that one answers."""
        ...

    async def forget_starts(self, before: int, limit: int = 1000) -> int:
        """Forget up to `limit` idempotency keys first used before a time, and return how many they were."""
        ...

    async def claim_run_key(
        self, key: RunKey, wish: KeyHolder, at: int, *, instead_of: KeyHolder | None = None
    ) -> KeyHolder:
        """Claim a business key and return who has it now.

        It is claimed when nobody has it, or the same run, or one that has ended, or still `instead_of` (whose
        `request_hash` does not count).
        """
        ...

    async def trust_run_key(self, key: RunKey, run_id: str, until: int | None) -> None:
        """Change until when the start of a key's run is trusted to arrive (None: it has)."""
        ...

    async def release_run_key(self, key: RunKey, run_id: str) -> None:
        """Give a claim up whose start was not sent."""
        ...

    async def forget_run_keys(self, before: int, limit: int = 1000) -> int:
        """Forget up to `limit` business keys, and return how many they were.

        Those of runs that have ended, and those claimed before a time whose run never came to be.
        """
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

    async def find_start(self, workspace: str, key: str) -> StartClaim | None:
        """What an idempotency key stands for."""
        row = await self._pool.row(_SQL["start"], {"workspace": workspace, "key": key})
        return None if row is None else StartClaim(**row)

    async def claim_start(self, workspace: str, key: str, claim: StartClaim, at: int) -> StartClaim:
        """Let an idempotency key stand for a run."""
        wish = msgspec.structs.asdict(claim) | {"workspace": workspace, "key": key, "at": at}
        while True:
            if await self._pool.count(_SQL["add_start"], wish):
                return claim
            # A statement of its own: it sees what another instance committed while the first one waited.
            found = await self.find_start(workspace, key)
            if found is not None:
                return found

    async def forget_starts(self, before: int, limit: int = 1000) -> int:
        """Forget old idempotency keys."""
        return await self._pool.count(_SQL["forget_starts"], {"before": before, "limit": limit})

    async def claim_run_key(
        self, key: RunKey, wish: KeyHolder, at: int, *, instead_of: KeyHolder | None = None
    ) -> KeyHolder:
        """Claim a business key."""
        names = key._asdict()
        claim = (
            names
            | msgspec.structs.asdict(wish)
            | {
                "at": at,
                "instead_of": None if instead_of is None else instead_of.run_id,
                "instead_until": None if instead_of is None else instead_of.trusted_until,
                "ended": _ENDED,
            }
        )
        while True:
            if await self._pool.row(_SQL["claim"], claim) is not None:
                return wish
            holder = await self._pool.row(_SQL["holder"], names)
            # None: given back between the two statements.
            if holder is not None:
                return KeyHolder(**holder)

    async def trust_run_key(self, key: RunKey, run_id: str, until: int | None) -> None:
        """Change until when a start is trusted."""
        await self._pool.count(_SQL["trust"], key._asdict() | {"run_id": run_id, "until": until})

    async def release_run_key(self, key: RunKey, run_id: str) -> None:
        """Give a claim up."""
        await self._pool.count(_SQL["release"], key._asdict() | {"run_id": run_id})

    async def forget_run_keys(self, before: int, limit: int = 1000) -> int:
        """Forget business keys that hold nothing."""
        parameters = {"before": before, "limit": limit, "ended": _ENDED}
        return await self._pool.count(_SQL["forget_run_keys"], parameters)

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
