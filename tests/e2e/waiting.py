"""Waiting for conditions, with a deadline that a busy machine can keep."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 60.0
_POLL_S = 0.05

Answer = TypeVar("Answer")


def until(condition: Callable[[], Answer | None], what: str, patience_s: float = PATIENCE_S) -> Answer:
    """The first true answer of `condition`; fails with `what` when there is none in time."""
    deadline = time.monotonic() + patience_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"not within {patience_s:g} s: {what}"
        time.sleep(_POLL_S)
    return answer
