"""What CEL says, case by case (`conformance.json`), and where the chosen library differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from engine.expressions import ExpressionError, compile_expression

CASES: list[dict[str, Any]] = json.loads(Path(__file__).with_name("conformance.json").read_text("utf-8"))

DEVIATIONS: dict[str, tuple[object, str]] = {
    "arithmetic: int overflow by negation": (-(2**63), "the library negates without a check"),
    "comparison: a large int is not rounded when compared with a double": (
        True,
        "the library compares as doubles, like the other implementations",
    ),
    "collections: a key twice in a literal": ({"a": 2}, "the library keeps the last one"),
    "macros: all: a false hides an error": (ExpressionError, "the library's macros stop at an error"),
    "macros: exists: a true hides an error": (ExpressionError, "the library's macros stop at an error"),
    "time: a duration beyond 10,000 years": (
        "9223372036.854775s",
        "the library's durations end at 292 years, silently",
    ),
    "conversions: string of a timestamp": (
        "2024-02-29T12:30:00+00:00",
        "the library writes an offset where CEL writes Z: both are RFC 3339",
    ),
    "conversions: string of a duration": ("1m30s", "the library writes units: duration() reads both"),
}
"""What is given instead, and why."""


def evaluate(case: dict[str, Any]) -> object:
    scope = case.get("scope", {})
    return compile_expression(case["expression"], roots=frozenset(scope)).evaluate(scope)


def by_name(case: dict[str, Any]) -> str:
    return str(case["name"])


def test_names_are_unique_and_every_deviation_is_a_case() -> None:
    names = [case["name"] for case in CASES]
    assert len(set(names)) == len(names)
    assert set(DEVIATIONS) <= set(names)


@pytest.mark.parametrize("case", [c for c in CASES if c["name"] not in DEVIATIONS], ids=by_name)
def test_gives_what_cel_says(case: dict[str, Any]) -> None:
    ((kind, wanted),) = case["expect"].items()
    if kind == "error":
        with pytest.raises(ExpressionError):
            evaluate(case)
        return
    result = evaluate(case)
    assert result == wanted
    assert type(result) is type(wanted)


@pytest.mark.parametrize("case", [c for c in CASES if c["name"] in DEVIATIONS], ids=by_name)
def test_deviates_as_listed(case: dict[str, Any]) -> None:
    instead, _ = DEVIATIONS[case["name"]]
    if instead is ExpressionError:
        with pytest.raises(ExpressionError):
            evaluate(case)
        return
    assert evaluate(case) == instead
