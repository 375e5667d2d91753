from __future__ import annotations

from base64 import urlsafe_b64encode

import jwt
import pytest

from engine.errors import Refusal
from storage.tokens import Tokens

SECRET = "s" * 32


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tokens(clock: Clock) -> Tokens:
    return Tokens(SECRET, ttl_s=600, clock=clock)


def code_of(tokens: Tokens, header: str | bytes | None) -> str:
    with pytest.raises(Refusal) as refused:
        tokens.verify_header(header)
    return refused.value.code


def test_what_is_minted_is_verified(tokens: Tokens) -> None:
    claims = tokens.verify_header(tokens.header("acme", "member", "key:1"))
    assert (claims.workspace, claims.role, claims.author) == ("acme", "member", "key:1")
    assert (claims.iat, claims.exp) == (1_000_000, 1_000_600)


def test_only_who_is_vouched_for_is(tokens: Tokens) -> None:
    assert not tokens.verify_header(tokens.header("acme", "member", "key:1")).vouched
    assert tokens.verify_header(tokens.header("acme", "member", "key:1", vouched=True)).vouched
    assert not tokens.verify_header(tokens.header("acme", "member", "key:1")).vouched


@pytest.mark.parametrize("head", [b"[" * 100_000, b"[1]", b'{"alg":["HS256"]}', b'{"alg":"\xff"}'])
def test_a_token_of_nonsense_is_invalid(tokens: Tokens, head: bytes) -> None:
    parts = [urlsafe_b64encode(part).rstrip(b"=") for part in (head, b"{}", b"x")]
    assert code_of(tokens, b"Bearer " + b".".join(parts)) == "TOKEN_INVALID"


def test_a_token_is_minted_again_after_half_its_life(tokens: Tokens, clock: Clock) -> None:
    first = tokens.mint("acme", "member", "key:1")
    clock.now += 299
    assert tokens.mint("acme", "member", "key:1") == first
    clock.now += 2
    assert tokens.mint("acme", "member", "key:1") != first


def test_different_callers_have_different_tokens(tokens: Tokens) -> None:
    made = {tokens.mint(w, r, "key:1") for w in ("a", "b") for r in ("admin", "reader")}
    assert len(made) == 4


def test_a_remembered_token_expires_all_the_same(tokens: Tokens, clock: Clock) -> None:
    header = tokens.header("acme", "member", "key:1")
    tokens.verify_header(header)
    clock.now += 600
    assert code_of(tokens, header) == "TOKEN_EXPIRED"


def test_a_record_in_a_backlog_is_judged_by_its_own_time(tokens: Tokens, clock: Clock) -> None:
    header = tokens.header("acme", "member", "key:1")
    written = clock.now
    clock.now += 10_000
    assert tokens.verify_header(header, at=written).workspace == "acme"


@pytest.mark.parametrize("header", [None, "", b""])
def test_no_header_is_a_missing_token(tokens: Tokens, header: str | bytes | None) -> None:
    assert code_of(tokens, header) == "TOKEN_MISSING"


@pytest.mark.parametrize(
    "header", ["Bearer", "Bearer ", "Basic abc", b"Bearer \xff\xfe", "Bearer a.b.c", b"\x00"]
)
def test_garbage_is_an_invalid_token(tokens: Tokens, header: str | bytes) -> None:
    assert code_of(tokens, header) == "TOKEN_INVALID"


def test_a_token_of_another_secret_is_invalid(tokens: Tokens, clock: Clock) -> None:
    assert code_of(tokens, Tokens("x" * 32, clock=clock).header("acme", "admin", "key:1")) == "TOKEN_INVALID"


def test_an_unsigned_token_is_invalid(tokens: Tokens) -> None:
    claims = {"workspace": "acme", "role": "admin", "author": "me", "iat": 1, "exp": 9_999_999_999}
    assert code_of(tokens, f"Bearer {jwt.encode(claims, '', algorithm='none')}") == "TOKEN_INVALID"


@pytest.mark.parametrize(
    "change",
    [
        {"workspace": None},
        {"workspace": "a b"},
        {"workspace": 7},
        {"role": "root"},
        {"author": ""},
        {"author": "x" * 257},
        {"exp": "soon"},
    ],
)
def test_incomplete_or_wrong_claims_are_invalid(tokens: Tokens, change: dict[str, object]) -> None:
    claims = {"workspace": "acme", "role": "admin", "author": "me", "iat": 1, "exp": 9_999_999_999} | change
    kept = {name: value for name, value in claims.items() if value is not None}
    assert code_of(tokens, f"Bearer {jwt.encode(kept, SECRET)}") == "TOKEN_INVALID"


def test_what_is_remembered_is_bounded(clock: Clock) -> None:
    tokens = Tokens(SECRET, remembered=10, clock=clock)
    for number in range(50):
        tokens.verify(tokens.mint("acme", "member", f"key:{number}"))
    assert len(tokens._verified) == 10
    assert len(tokens._minted) == 10
