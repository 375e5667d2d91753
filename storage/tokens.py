"""Tokens of public records: a JWT in header `authorization` says who asks, in which workspace and role."""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import TYPE_CHECKING, Literal, TypeVar, get_args

import jwt
import msgspec

from engine.errors import Refusal
from engine.ids import is_id

if TYPE_CHECKING:
    from collections.abc import Callable

    from jwt.types import Options

K = TypeVar("K")
V = TypeVar("V")

HEADER = "authorization"
Role = Literal["admin", "member", "reader", "service"]
ROLES: tuple[str, ...] = get_args(Role)

_ALGORITHM = "HS256"
_REQUIRED = ("workspace", "role", "author", "exp", "iat")
_MAX_AUTHOR = 256
_SCHEME = "bearer"


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says; `iat` and `exp` are Unix seconds.

    `vouched`: only the api's own records have it. It has stored and checked what they refer to by a hash, for
    this workspace; from anybody else a hash could name what belongs to another.
    """

    workspace: str
    role: Role
    author: str
    iat: int
    exp: int
    vouched: bool = False


class Tokens:
    """Mints and verifies tokens with one secret.

    A processor verifies thousands of records a second and an API instance signs as many, nearly all of them
    with the same few tokens: both directions are remembered in bounded tables. Safe to share between threads.
    """

    def __init__(
        self,
        secret: str,
        *,
        ttl_s: int = 3600,
        remembered: int = 10_000,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._secret = secret
        self._ttl_s = ttl_s
        self._remembered = remembered
        self._clock = clock
        self._verified: OrderedDict[str, Claims] = OrderedDict()
        self._minted: OrderedDict[tuple[str, Role, str, bool], tuple[str, int]] = OrderedDict()

    def mint(self, workspace: str, role: Role, author: str, *, vouched: bool = False) -> str:
        """A token that is good for at least half of `ttl_s`; the same one while that holds."""
        now = int(self._clock())
        key = (workspace, role, author, vouched)
        known = self._minted.get(key)
        if known is not None and known[1] - now > self._ttl_s / 2:
            return known[0]
        claims = Claims(
            workspace=workspace, role=role, author=author, iat=now, exp=now + self._ttl_s, vouched=vouched
        )
        token = jwt.encode(msgspec.structs.asdict(claims), self._secret, algorithm=_ALGORITHM)
        _remember(self._minted, key, (token, claims.exp), self._remembered)
        return token

    def header(self, workspace: str, role: Role, author: str, *, vouched: bool = False) -> bytes:
        """The value of a record's header `authorization`."""
        return f"Bearer {self.mint(workspace, role, author, vouched=vouched)}".encode()

    def verify(self, token: str, *, at: float | None = None) -> Claims:
        """The claims of a token that is valid now, or at Unix second `at`: a record's own (broker) time.

        A record that waited in a backlog is judged by when it was written, not by when it is read.
        Refusal TOKEN_INVALID (forged, malformed, incomplete) or TOKEN_EXPIRED.
        """
        claims = self._verified.get(token)
        if claims is None:
            claims = self._decode(token)
            _remember(self._verified, token, claims, self._remembered)
        if claims.exp <= (self._clock() if at is None else at):
            raise Refusal("TOKEN_EXPIRED", f"the token expired at Unix second {claims.exp}: get a new one")
        return claims

    def verify_header(self, value: str | bytes | None, *, at: float | None = None) -> Claims:
        """The claims of a header `authorization`; as `verify`, and TOKEN_MISSING when there is none."""
        if not value:
            raise Refusal("TOKEN_MISSING", "the record has no header `authorization`: send `Bearer TOKEN`")
        text = value if isinstance(value, str) else value.decode("ascii", "replace")
        scheme, _, token = text.partition(" ")
        if scheme.lower() != _SCHEME or not token:
            raise Refusal("TOKEN_INVALID", "the header `authorization` must be `Bearer TOKEN`")
        return self.verify(token.strip(), at=at)

    def _decode(self, token: str) -> Claims:
        try:
            # `verify` judges expiry, each time and by the record's clock, so that claims can be remembered.
            options: Options = {"require": list(_REQUIRED), "verify_exp": False, "verify_iat": False}
            raw = jwt.decode(token, self._secret, algorithms=[_ALGORITHM], options=options)
            claims = msgspec.convert(raw, Claims)
        except Exception as error:  # any error of a decoder fed with foreign bytes means the same
            raise Refusal("TOKEN_INVALID", f"the token is not valid: {error}") from error
        if not is_id(claims.workspace):
            raise Refusal("TOKEN_INVALID", "the token is not valid: its workspace is no id")
        if not 0 < len(claims.author) <= _MAX_AUTHOR:
            raise Refusal(
                "TOKEN_INVALID", f"the token is not valid: its author needs 1 to {_MAX_AUTHOR} characters"
            )
        return claims


def _remember(table: OrderedDict[K, V], key: K, value: V, bound: int) -> None:
    """Keep the newest `bound` entries (by insertion: a hit costs one dict lookup and no lock)."""
    table[key] = value
    while len(table) > bound:
        try:
            table.popitem(last=False)
        except KeyError:  # another thread emptied it
            return
