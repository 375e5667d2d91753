"""Payloads: a JSON value that travels either inline, as undecoded bytes, or as a reference into the CAS."""

from __future__ import annotations

from typing import Any

import msgspec

INLINE_LIMIT = 16 * 1024
"""Bytes of JSON up to which a payload travels inline (design rule 6)."""

GATHER_LIMIT = 64 * 1024
"""Bytes of JSON up to which the coordinator itself puts payloads together (design rule 6)."""

_encoder = msgspec.json.Encoder()
_NONE = msgspec.Raw()


class Ref(msgspec.Struct, frozen=True, omit_defaults=True):
    """A blob in the content-addressed store: hex SHA-256, size in bytes, media type."""

    sha256: str
    size: int
    media_type: str = "application/json"


class Payload(msgspec.Struct, frozen=True, omit_defaults=True):
    """A JSON value: `json` holds its bytes, or is empty and `ref` says where they are."""

    json: msgspec.Raw = _NONE
    ref: Ref | None = None

    @property
    def size(self) -> int:
        """Size of the JSON text in bytes."""
        if self.ref is not None:
            return self.ref.size
        return len(memoryview(self.raw))

    @property
    def raw(self) -> msgspec.Raw:
        """The inline bytes; ValueError for a reference."""
        if self.ref is not None:
            msg = "the payload is a reference: fetch it from the CAS first"
            raise ValueError(msg)
        return self.json

    def value(self) -> Any:  # noqa: ANN401 (any JSON value)
        """Decode the inline JSON; ValueError for a reference."""
        return msgspec.json.decode(self.raw)


def inline(value: object) -> Payload:
    """Make an inline payload of a JSON-like value (not bounded: the caller decides where large ones go)."""
    return Payload(json=msgspec.Raw(_encoder.encode(value)))


def inline_json(data: bytes | memoryview) -> Payload:
    """Make an inline payload of bytes that are known to be JSON."""
    return Payload(json=msgspec.Raw(data))


NULL = inline(None)
