"""Who asks: a bearer API key names a workspace and a role."""

from __future__ import annotations

import hashlib
import hmac
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Literal

from api.problems import Problem
from storage.tokens import Role

if TYPE_CHECKING:
    from starlette.requests import Request

Need = Literal["read", "write"]

BOOTSTRAP_WORKSPACE = "default"

_WRITERS = frozenset({"admin", "member", "service"})
_REMEMBERED = 10_000
_CHALLENGE = {"www-authenticate": "Bearer"}


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom a key stands for. `author` is what the log will say (`key:ID`)."""

    workspace: str
    role: Role
    author: str


Lookup = Callable[[str], Awaitable[Caller | None]]
"""The caller of a key's hash (SHA-256, hex), or None when there is no such key."""


def key_hash(key: str) -> str:
    """How a key is stored: keys are long and random, so that one round of SHA-256 keeps them."""
    return hashlib.sha256(key.encode()).hexdigest()


class KeyRing:
    """Looks keys up, and trusts what it found (or did not find) for a few seconds."""

    def __init__(
        self,
        lookup: Lookup,
        *,
        bootstrap_key: str | None = None,
        trusted_s: float = 5.0,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._lookup = lookup
        self._bootstrap = key_hash(bootstrap_key) if bootstrap_key else None
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
        if self._bootstrap is not None and hmac.compare_digest(digest, self._bootstrap):
            return Caller(BOOTSTRAP_WORKSPACE, "admin", "key:bootstrap")
        now = self._clock()
        known = self._known.get(digest)
        if known is not None and known[1] > now:
            return known[0]
        caller = await self._lookup(digest)
        self._known[digest] = (caller, now + self._trusted_s)
        self._known.move_to_end(digest)
        while len(self._known) > _REMEMBERED:
            self._known.popitem(last=False)
        return caller


def authorization_of(request: Request) -> str | None:
    """The header `authorization` of a request."""
    return request.headers.get("authorization")
