"""Who asks: a bearer API key names a workspace and a role."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from api.problems import Problem
from storage.postgres.api_rows import ApiKey
from storage.postgres.api_store import ApiStore
from storage.tokens import Role

Need = Literal["read", "write"]

BOOTSTRAP_WORKSPACE = "default"

_WRITERS = frozenset({"admin", "member", "service"})
_BOOTSTRAP = "bootstrap"
_REMEMBERED = 10_000
_CHALLENGE = {"www-authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key stands for. `author` is what the log will say (`key:ID`)."""

    workspace: str
    role: Role
    author: str


def key_hash(key: str) -> str:
    """How a key is stored: keys are long and random, so that one round of SHA-256 keeps them."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """Looks keys up, and trusts what it found (or did not find) for a few seconds."""

    def __init__(
        self,
        store: ApiStore,
        *,
        trusted_s: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._store = store
        self._trusted_s = trusted_s
        self._clock = clock
        self._known: OrderedDict[str, tuple[Caller | None, float]] = OrderedDict()

    async def caller(self, authorization: str | None, need: Need) -> Caller:
        """The caller of a request; Problem UNAUTHENTICATED (401) or FORBIDDEN (403)."""
        scheme, _, key = (authorization or "").partition(" ")
        if scheme.lower() != "bearer" or not key:
            detail = "send an API key: `Authorization: Bearer KEY`"
            raise Problem(401, "UNAUTHENTICATED", detail, headers=_CHALLENGE)
        caller = await self._find(key_hash(key.strip()))
        if caller is None:
            raise Problem(401, "UNAUTHENTICATED", "the API key is not valid", headers=_CHALLENGE)
        if need == "write" and caller.role not in _WRITERS:
            raise Problem(403, "FORBIDDEN", f"the role {caller.role!r} may only read")
        return caller

    async def _find(self, digest: str) -> Caller | None:
        now = self._clock()
        known = self._known.get(digest)
        if known is not None and known[1] > now:
            return known[0]
        key = await self._store.find_key(digest)
        caller = None if key is None or key.revoked_at is not None else _caller(key)
        self._known[digest] = (caller, now + self._trusted_s)
        self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller


async def store_bootstrap_key(store: ApiStore, key: str, now_ms: int) -> None:
    """Make `key` the installation's one bootstrap key: an admin's, of the workspace `default`."""
    digest = key_hash(key)
    for known in await store.list_keys(BOOTSTRAP_WORKSPACE):
        if known.name == _BOOTSTRAP and known.digest != digest:
            await store.revoke_key(BOOTSTRAP_WORKSPACE, known.key_id, now_ms)
    made = ApiKey(
        key_id=f"{_BOOTSTRAP}-{digest[:8]}",
        digest=digest,
        workspace=BOOTSTRAP_WORKSPACE,
        role="admin",
        name=_BOOTSTRAP,
        created_at=now_ms,
    )
    await store.bootstrap_key(made)


def _caller(key: ApiKey) -> Caller:
    return Caller(key.workspace, key.role, f"key:{key.key_id}")
