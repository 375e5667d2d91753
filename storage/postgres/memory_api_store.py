"""The api store's twin in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from storage.postgres.errors import Conflict
from storage.postgres.statuses import ENDED

if TYPE_CHECKING:
    from storage.postgres.api_rows import ApiKey, AuditEntry, KeyHolder, RunKey, StartClaim
    from storage.postgres.memory_projection import MemoryTables


class MemoryApiStore:
    """`ApiStore` in memory; `tables` tell which runs have ended."""

    def __init__(self, tables: MemoryTables) -> None:
        """Begin empty."""
        self._tables = tables
        self._keys: dict[str, ApiKey] = {}
        self._starts: dict[tuple[str, str], tuple[StartClaim, int]] = {}
        self._run_keys: dict[RunKey, tuple[KeyHolder, int]] = {}
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

    async def find_start(self, workspace: str, key: str) -> StartClaim | None:
        """What an idempotency key stands for."""
        found = self._starts.get((workspace, key))
        return None if found is None else found[0]

    async def claim_start(self, workspace: str, key: str, claim: StartClaim, at: int) -> StartClaim:
        """Let an idempotency key stand for a run."""
        return self._starts.setdefault((workspace, key), (claim, at))[0]

    async def forget_starts(self, before: int, limit: int = 1000) -> int:
        """Forget old idempotency keys."""
        old = [place for place, (_, at) in self._starts.items() if at < before][:limit]
        for place in old:
            del self._starts[place]
        return len(old)

    async def claim_run_key(
        self, key: RunKey, wish: KeyHolder, at: int, *, instead_of: KeyHolder | None = None
    ) -> KeyHolder:
        """Claim a business key."""
        held = self._run_keys.get(key)
        named = instead_of is not None and (instead_of.run_id, instead_of.trusted_until)
        if (
            held is None
            or held[0].run_id == wish.run_id
            or (held[0].run_id, held[0].trusted_until) == named
            or self._ended(held[0].run_id)
        ):
            held = self._run_keys[key] = wish, at
        return held[0]

    async def trust_run_key(self, key: RunKey, run_id: str, until: int | None) -> None:
        """Change until when a start is trusted."""
        held = self._run_keys.get(key)
        if held is not None and held[0].run_id == run_id:
            self._run_keys[key] = msgspec.structs.replace(held[0], trusted_until=until), held[1]

    async def release_run_key(self, key: RunKey, run_id: str) -> None:
        """Give a claim up."""
        held = self._run_keys.get(key)
        if held is not None and held[0].run_id == run_id:
            del self._run_keys[key]

    async def forget_run_keys(self, before: int, limit: int = 1000) -> int:
        """Forget business keys that hold nothing."""
        runs = self._tables.folded.runs
        idle = [
            key
            for key, (holder, at) in self._run_keys.items()
            if self._ended(holder.run_id) or (holder.run_id not in runs and at < before)
        ][:limit]
        for key in idle:
            del self._run_keys[key]
        return len(idle)

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

    def _ended(self, run_id: str) -> bool:
        run = self._tables.folded.runs.get(run_id)
        return run is not None and run.status in ENDED

    def _id_taken(self, key: ApiKey) -> bool:
        return any(known.key_id == key.key_id for known in self._keys.values())
