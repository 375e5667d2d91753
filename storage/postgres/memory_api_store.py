"""The api store's twin in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.postgres.api_rows import ApiKey, AuditEntry, StartClaim
from storage.postgres.errors import Conflict
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from storage.postgres.memory_projection import MemoryTables

_RunKey = tuple[str, str, str]


class MemoryApiStore:
    """`ApiStore` in memory; `tables` tell which runs have ended."""

    def __init__(self, tables: MemoryTables) -> None:
        """Begin empty."""
        self._tables = tables
        self._keys: dict[str, ApiKey] = {}
        self._starts: dict[tuple[str, str], tuple[StartClaim, int]] = {}
        self._run_keys: dict[_RunKey, str] = {}
        self._audit: list[AuditEntry] = []

    async def create_key(self, key: ApiKey) -> None:
        """Add a key."""
        if key.digest in self._keys or self._id_taken(key):
            raise Conflict(f"there is an API key {key.key_id} already, or one with the same digest")
        self._keys[key.digest] = key

    async def bootstrap_key(self, key: ApiKey) -> None:
        """Add a key or update it."""
        known = self._keys.get(key.digest)
        if known is not None:
            changes = {"workspace": key.workspace, "role": key.role, "name": key.name}
            key = msgspec.structs.replace(known, **changes)
        elif self._id_taken(key):
            raise Conflict(f"there is another API key {key.key_id} already")
        self._keys[key.digest] = key

    async def find_key(self, digest: str) -> ApiKey | None:
        """A key by its digest, revoked or not."""
        return self._keys.get(digest)

    async def list_keys(self, workspace: str) -> list[ApiKey]:
        """The keys of a workspace, the oldest first."""
        keys = [key for key in self._keys.values() if key.workspace == workspace]
        return sorted(keys, key=lambda key: (key.created_at, key.key_id))

    async def revoke_key(self, workspace: str, key_id: str, at: int) -> bool:
        """Revoke a key."""
        for key in await self.list_keys(workspace):
            if key.key_id == key_id:
                if key.revoked_at is None:
                    self._keys[key.digest] = msgspec.structs.replace(key, revoked_at=at)
                return True
        return False

    async def ping(self) -> None:
        """Answer."""

    async def claim_start(
        self, workspace: str, key: str, request_hash: str, run_id: str, at: int
    ) -> StartClaim:
        """Let an idempotency key stand for a run."""
        claim, _ = self._starts.setdefault((workspace, key), (StartClaim(run_id, request_hash), at))
        return claim

    async def forget_starts(self, before: int) -> int:
        """Forget old idempotency keys."""
        old = [place for place, (_, at) in self._starts.items() if at < before]
        for place in old:
            del self._starts[place]
        return len(old)

    async def claim_run_key(
        self,
        workspace: str,
        workflow: str,
        key: str,
        run_id: str,
        at: int,  # noqa: ARG002 (the table keeps it for people)
        *,
        instead_of: str | None = None,
    ) -> str:
        """Claim a business key for a run."""
        place = workspace, workflow, key
        holder = self._run_keys.get(place, run_id)
        run = self._tables.folded.runs.get(holder)
        if holder in (run_id, instead_of) or (run is not None and run.status in ENDED):
            holder = run_id
        self._run_keys[place] = holder
        return holder

    async def release_run_key(self, workspace: str, workflow: str, key: str, run_id: str) -> None:
        """Give a claim up."""
        place = workspace, workflow, key
        if self._run_keys.get(place) == run_id:
            del self._run_keys[place]

    async def add_audit(self, entry: AuditEntry) -> int:
        """Append to the audit."""
        number = len(self._audit) + 1
        self._audit.append(msgspec.structs.replace(entry, entry=number))
        return number

    async def list_audit(
        self, workspace: str, *, before: int | None = None, limit: int = 100
    ) -> list[AuditEntry]:
        """Entries of a workspace, the latest first."""
        entries = [
            entry
            for entry in reversed(self._audit)
            if entry.workspace == workspace and (before is None or entry.entry < before)
        ]
        return entries[:limit]

    def _id_taken(self, key: ApiKey) -> bool:
        return any(known.key_id == key.key_id for known in self._keys.values())
