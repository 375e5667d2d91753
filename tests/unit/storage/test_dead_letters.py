from __future__ import annotations

import hashlib

import pytest

from engine.dead_letter import DeadLetter
from storage.dead_letters import AUTHORIZATION, HEADERS_BYTES, KEY_BYTES, VALUE_BYTES, as_record
from storage.kafka.topics import PUBLIC_BYTES, RECORD_BYTES
from storage.tokens import HEADER
from storage.wire import decode


def letter(
    key: bytes | None = b"k", value: bytes | None = b"v", reason: str = "why", **headers: bytes
) -> DeadLetter:
    return DeadLetter(
        processor="p",
        topic="t",
        partition=0,
        offset=1,
        key=key,
        value=value,
        headers=headers,
        code="CODE",
        reason=reason,
        at=1,
    )


def read(data: bytes) -> DeadLetter:
    found = decode(data)
    assert isinstance(found, DeadLetter)
    return found


@pytest.mark.parametrize("value", [None, b"", b"\xc3" * PUBLIC_BYTES])
def test_what_a_public_record_may_hold_is_kept_whole(value: bytes | None) -> None:
    sent = letter(value=value, traceparent=b"00")
    key, data = as_record(sent)
    assert (key, read(data)) == (b"k", sent)


def test_a_letter_always_fits_and_says_what_was_cut() -> None:
    value, long_key = b"\xc3" * (VALUE_BYTES + 1), b"k" * (KEY_BYTES + 1)
    headers = {f"h{n}": b"x" * 1000 for n in range(100)}
    key, data = as_record(letter(long_key, value, "ä" * 600_000, **headers))
    assert key is None
    assert len(data) < RECORD_BYTES
    found = read(data)
    assert (found.value, found.key) == (value[:VALUE_BYTES], long_key[:KEY_BYTES])
    assert sum(map(len, found.headers.values())) <= HEADERS_BYTES
    for whole in (value, long_key):
        assert f"{len(whole)} bytes, sha256 {hashlib.sha256(whole).hexdigest()}" in found.reason
    assert "headers are left out" in found.reason


def test_a_letter_holds_no_token() -> None:
    assert AUTHORIZATION == HEADER
    _, data = as_record(letter(authorization=b"Bearer secret", Authorization=b"Bearer secret", other=b"x"))
    assert read(data).headers == {"other": b"x"}
