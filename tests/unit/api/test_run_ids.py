from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.ids import child_run_id, is_run_id
from storage.run_ids import issue_run_id, recognise_run_id, run_id_key

KEY = run_id_key("s" * 32)
TIMES = st.integers(0, 2**48 - 1)
RANDOM = st.binary(min_size=8, max_size=8)


@given(TIMES, RANDOM)
def test_an_issued_id_is_recognised_with_its_time(at: int, randomness: bytes) -> None:
    run_id = issue_run_id(KEY, "acme", at, randomness)
    assert is_run_id(run_id)
    assert recognise_run_id(KEY, "acme", run_id) == at


@given(TIMES, TIMES, RANDOM, RANDOM)
def test_ids_sort_by_time(a: int, b: int, x: bytes, y: bytes) -> None:
    if a != b:
        assert (issue_run_id(KEY, "w", a, x) < issue_run_id(KEY, "w", b, y)) == (a < b)


@given(RANDOM)
def test_another_workspace_or_secret_does_not_recognise_it(randomness: bytes) -> None:
    run_id = issue_run_id(KEY, "acme", 1, randomness)
    assert recognise_run_id(KEY, "other", run_id) is None
    assert recognise_run_id(run_id_key("t" * 32), "acme", run_id) is None


@given(RANDOM, st.integers(3, 31), st.sampled_from("0123456789abcdefghijklmnopqrstuv"))
def test_a_changed_id_is_not_recognised(randomness: bytes, at: int, letter: str) -> None:
    run_id = issue_run_id(KEY, "acme", 1_700_000_000_000, randomness)
    forged = run_id[:at] + letter + run_id[at + 1 :]
    if forged != run_id:
        assert recognise_run_id(KEY, "acme", forged) is None


@given(st.text())
def test_any_text_is_answered(text: str) -> None:
    assert recognise_run_id(KEY, "acme", text) is None
    assert recognise_run_id(KEY, "acme", "r0_" + text) is None


def test_a_child_is_not_of_the_api() -> None:
    assert recognise_run_id(KEY, "acme", child_run_id("r0_x", "a", 1)) is None


def test_upper_case_is_not_the_same_id() -> None:
    run_id = issue_run_id(KEY, "acme", 1_700_000_000_000, b"12345678")
    assert recognise_run_id(KEY, "acme", "r0_" + run_id[3:].upper()) is None


def test_randomness_of_another_length_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="8 random bytes"):
        issue_run_id(KEY, "acme", 1, b"")
