from __future__ import annotations

import pytest

from engine.ids import (
    Place,
    aux_path,
    base_path,
    child_run_id,
    is_id,
    is_run_id,
    item_path,
    job_id,
    place,
    visit_path,
)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a", Place("a", None, None, None)),
        (item_path("a", 3), Place("a", 3, None, None)),
        (visit_path("a-b", 0), Place("a-b", None, 0, None)),
        (aux_path("a", "items"), Place("a", None, None, "items")),
        (aux_path(item_path("a", 12), "inputs"), Place("a", 12, None, "inputs")),
        (aux_path("a", "gather.3"), Place("a", None, None, "gather.3")),
        (aux_path("", "output"), Place("", None, None, "output")),
    ],
)
def test_paths_are_taken_apart(path: str, expected: Place) -> None:
    assert place(path) == expected


@pytest.mark.parametrize("path", ["a[", "a[x]", "a#", "a b", "a$", "a[1]#2"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(ValueError, match="is no node path"):
        place(path)


def test_the_owner_of_an_auxiliary_job() -> None:
    assert base_path("a[3]$inputs") == "a[3]"
    assert base_path("a[3]") == "a[3]"


@pytest.mark.parametrize(
    ("text", "fits"), [("a", True), ("A_z-9", True), ("", False), ("x" * 65, False), ("é", False)]
)
def test_ids(text: str, fits: bool) -> None:  # noqa: FBT001 (a case)
    assert is_id(text) is fits
    assert is_run_id(f"r0_{text}") is (fits or not text)


def test_a_run_id_names_its_generation() -> None:
    assert not is_run_id("r1_abc")
    assert not is_run_id("r0_a b")


def test_derived_ids_are_always_the_same() -> None:
    assert job_id("r0_x", "a[1]", 2) == "r0_x/a[1]/2"
    first = child_run_id("r0_x", "a", 1)
    assert first == "r0_c9e203bbc735b286b0fd84fe3fbc8bad1"
    assert is_run_id(first)
    assert first == child_run_id("r0_x", "a", 1)
    assert first != child_run_id("r0_x", "a", 2)
