"""Blobs in memory, for tests and for tools that need no store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.cas.content_store import JSON, BlobMissing, checked_name, reference, verified

if TYPE_CHECKING:
    from engine.payload import Ref


class MemoryStore:
    """A `ContentStore` that forgets everything with the process."""

    def __init__(self) -> None:
        self._blobs: dict[str, bytes] = {}

    def put(self, data: bytes, media_type: str = JSON) -> Ref:
        """Keep `data`."""
        ref = reference(data, media_type)
        self._blobs[ref.sha256] = data
        return ref

    def get(self, ref: Ref | str) -> bytes:
        """The verified content of a reference or a hash."""
        name = checked_name(ref)
        data = self._blobs.get(name)
        if data is None:
            raise BlobMissing(f"there is no blob {name}")
        return verified(data, ref)

    def has(self, sha256: str) -> bool:
        """Whether there is a blob of this name."""
        return checked_name(sha256) in self._blobs
