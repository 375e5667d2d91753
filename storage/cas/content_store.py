"""What a content-addressed store is, and how it fails."""

from __future__ import annotations

import hashlib
import re
from typing import Protocol

from engine.payload import Ref

JSON = "application/json"

_SHA256 = re.compile(r"[0-9a-f]{64}")


class CasError(Exception):
    """Something is wrong with a blob or its store."""


class InvalidHash(CasError):  # noqa: N818 (the errors of this package read as what happened)
    """A name that is no SHA-256 in lower-case hex; it was not looked for."""


class BlobMissing(CasError):  # noqa: N818
    """The store works and does not have the blob."""


class BlobCorrupt(CasError):  # noqa: N818
    """What the store has under the name is something else: the data must be put again."""


class CasUnavailable(CasError):  # noqa: N818
    """The store did not work: the same call may succeed later."""


class CasMisconfigured(CasError):  # noqa: N818
    """The settings name no store that may be used."""


class ContentStore(Protocol):
    """Blobs by the SHA-256 of their content. Safe to call from several threads."""

    def put(self, data: bytes, media_type: str = JSON) -> Ref:
        """Store `data` durably; storing it again changes nothing. CasUnavailable."""
        ...

    def get(self, ref: Ref | str) -> bytes:
        """The verified content of a reference or a hash.

        InvalidHash, BlobMissing, BlobCorrupt, CasUnavailable.
        """
        ...

    def has(self, sha256: str) -> bool:
        """Whether there is a blob of this name (not whether it is whole). InvalidHash, CasUnavailable."""
        ...


def reference(data: bytes, media_type: str = JSON) -> Ref:
    """The reference of `data`, wherever it is stored."""
    return Ref(hashlib.sha256(data).hexdigest(), len(data), media_type)


def checked_name(ref: Ref | str) -> str:
    """The hash that `ref` names; InvalidHash if it is none, so that no other text reaches a file system."""
    name = ref.sha256 if isinstance(ref, Ref) else ref
    if _SHA256.fullmatch(name) is None:
        raise InvalidHash(f"{name[:80]!r} is not a SHA-256 in lower-case hex")
    return name


def verified(data: bytes, ref: Ref | str) -> bytes:
    """`data` if it is what `ref` names, else BlobCorrupt."""
    name = checked_name(ref)
    found = hashlib.sha256(data).hexdigest()
    if found != name:
        raise BlobCorrupt(f"blob {name} holds {len(data)} bytes with the hash {found}")
    if isinstance(ref, Ref) and ref.size != len(data):
        raise BlobCorrupt(f"blob {name} has {len(data)} bytes, its reference says {ref.size}")
    return data
