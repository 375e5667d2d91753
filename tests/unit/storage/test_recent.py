"""What the projection remembers of runs."""

from __future__ import annotations

from storage.postgres.recent import Recent


def test_what_was_used_longest_ago_is_forgotten() -> None:
    recent = Recent(limit=2)
    recent.update({"a": 1, "b": 1})
    recent.update({"a": 2})
    recent.update({"c": 1})

    assert [recent.get(run_id) for run_id in "abc"] == [2, None, 1]


def test_all_can_be_forgotten() -> None:
    recent = Recent()
    recent.update({"a": 1})
    recent.clear()

    assert recent.get("a") is None
