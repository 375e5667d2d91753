"""The state that quixstreams hands to a record's handler, in memory."""

from __future__ import annotations


class Keys(dict[str, bytes]):
    """The keys under one prefix; `error` is raised by every read."""

    error: Exception | None = None

    def get_bytes(self, key: str) -> bytes | None:
        if self.error is not None:
            raise self.error
        return self.get(key)

    def set_bytes(self, key: str, value: bytes) -> None:
        self[key] = value

    def delete(self, key: str) -> None:
        del self[key]
