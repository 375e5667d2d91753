"""What JSON is let in from outside."""

from __future__ import annotations

import pytest

from engine.json_text import MAX_DEPTH, JsonTextError, decode_text, is_too_deep


def nested(depth: int) -> bytes:
    return b"[" * depth + b"]" * depth


def test_the_deepest_value_is_let_in_and_the_next_is_not() -> None:
    decode_text(nested(MAX_DEPTH))
    with pytest.raises(JsonTextError, match="more than 200 levels"):
        decode_text(nested(MAX_DEPTH + 1))


def test_width_is_no_depth() -> None:
    assert not is_too_deep(b"[" + b",".join([b"{}"] * 1000) + b"]")


def test_brackets_in_strings_count_for_nothing() -> None:
    assert decode_text(b'["' + b"[" * 1000 + b'\\"{"]') == ["[" * 1000 + '"{']


@pytest.mark.parametrize(
    "text", [b"", b"{nope", b'"\xff"', b'"\\ud800"', b"NaN", b"1e999", nested(100_000)[:150_000]]
)
def test_what_is_no_json_is_refused_with_the_reason(text: bytes) -> None:
    with pytest.raises(JsonTextError, match="this is not JSON"):
        decode_text(text)
