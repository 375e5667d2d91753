"""The wire format: `encode(record) -> bytes`, `decode(bytes) -> record` or `WireError`."""

from storage.wire.codec import WireError, decode, encode
from storage.wire.records import RECORDS, Record

__all__ = ["RECORDS", "Record", "WireError", "decode", "encode"]
