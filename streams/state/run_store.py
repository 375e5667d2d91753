"""A run's keys in quixstreams' state, which has put the run's id before every key already."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quixstreams.state import State


class StateUnreadable(Exception):  # noqa: N818 (it says what happened)
    """The local store failed; nothing is wrong with the record being handled."""


class RunStore:
    """`engine.state.KeyValue` over the state of the record being handled."""

    __slots__ = ("_state",)

    def __init__(self, state: State[str, bytes]) -> None:
        self._state = state

    def get(self, key: str) -> bytes | None:
        """The value, or None."""
        try:
            return self._state.get_bytes(key)
        except Exception as error:  # RocksDB's binding raises the bare class
            raise StateUnreadable(f"the key {key!r} cannot be read: {error}") from error

    def set(self, key: str, value: bytes) -> None:
        """Write a value."""
        self._state.set_bytes(key, value)

    def delete(self, key: str) -> None:
        """Remove a key that exists."""
        self._state.delete(key)
