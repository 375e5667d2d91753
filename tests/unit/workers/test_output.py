from __future__ import annotations

import dataclasses
import datetime as dt
from typing import Any

import msgspec
import pytest

from engine.json_text import MAX_DEPTH
from tests.support.nesting import nested, nested_text
from workers.runner.failure import JobFailure
from workers.runner.output import checked_output, encode_output


@dataclasses.dataclass
class Point:
    x: float


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, b"null"),
        ({"a": [1, 2.5, "ü", None, True]}, '{"a":[1,2.5,"ü",null,true]}'.encode()),
        (Point(1.5), b'{"x":1.5}'),
        (dt.date(2026, 1, 2), b'"2026-01-02"'),
        ("null", b'"null"'),
    ],
)
def test_json(value: object, text: bytes) -> None:
    assert encode_output(value) == text


_CYCLE: list[Any] = []
_CYCLE.append(_CYCLE)


@pytest.mark.parametrize(
    "value",
    [
        object(),
        {"a": object()},
        float("nan"),
        [float("inf")],
        {"a": {"b": (-float("inf"),)}},
        _CYCLE,
        chr(0xD800),
        {"x": None, "y": float("nan")},
        Point(float("nan")),
        [Point(float("inf"))],
    ],
)
def test_what_json_does_not_have_is_refused(value: object) -> None:
    with pytest.raises(JobFailure) as caught:
        encode_output(value)
    assert caught.value.code == "OUTPUT_NOT_JSON"
    assert not caught.value.retryable


def test_depth_that_every_reader_takes() -> None:
    data = encode_output(nested(MAX_DEPTH))
    assert checked_output(data) == nested_text(MAX_DEPTH)


@pytest.mark.parametrize(
    "value",
    [
        nested(MAX_DEPTH + 1),
        nested(980),
        nested(5000),
        {"x": None, "y": nested(970)},
        [msgspec.Raw(b"{nope")],
        msgspec.Raw(b'"\xff"'),
        msgspec.Raw(b""),
    ],
)
def test_what_a_reader_could_not_take_is_refused(value: object) -> None:
    with pytest.raises(JobFailure) as caught:
        checked_output(encode_output(value))
    assert (caught.value.code, caught.value.retryable) == ("OUTPUT_NOT_JSON", False)
