"""A run's keys in quixstreams' state, which has put the run's id before every key already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quixstreams.state import State


class RunStore:
    """`engine.state.KeyValue` over the state of the record being handled."""

    __slots__ = ("_state",)

    def __init__(self, state: State[str, bytes]) -> None:
        self._state = state

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        return self._state.get_bytes(key)

    def set(self, key: str, value: bytes) -> None:
        """Write a value."""
        self._state.set_bytes(key, value)

    def delete(self, key: str) -> None:
        """Remove a key that exists."""
        self._state.delete(key)
