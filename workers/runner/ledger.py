"""Which records of a partition are done, so that one long job does not replay what finished behind it.

The committed offset is that of the first unfinished record. What finished beyond it is in the commit's
metadata, as text: `1:` and base64 of LEB128 numbers, in turns the length of a gap and of a finished stretch,
counted from the committed offset.
"""

from __future__ import annotations

import base64
import binascii
from typing import NamedTuple

METADATA_LIMIT = 4096
"""Bytes of metadata that a broker takes by default (`offset.metadata.max.bytes`)."""

_VERSION = "1:"
_RAW_LIMIT = (METADATA_LIMIT - len(_VERSION)) // 4 * 3


class Stretch(NamedTuple):
    """Offsets from `start` up to, not with, `end`."""

    start: int
    end: int


class PartitionLedger:
    """What was taken from one partition since it was assigned, and what of it is unfinished.

    Offsets are taken in ascending order; one that is passed over (the broker has no record there) counts as
    finished. Memory is bounded by the unfinished records.
    """

    __slots__ = ("_inherited", "_next", "_unfinished", "committed", "revoked")

    def __init__(self, start: int | None = None, finished: list[Stretch] | None = None) -> None:
        """`start` is the committed offset, None if there is none; `finished` came with that commit."""
        self._next = start
        self._unfinished: dict[int, None] = {}
        self._inherited = finished or []
        self.committed: tuple[int, str] | None = None
        self.revoked = False

    def take(self, offset: int) -> bool:
        """Note that the record at `offset` arrived; False when it is finished, or was taken before."""
        if self._next is not None and offset < self._next:
            return False
        self._next = offset + 1
        while self._inherited and self._inherited[0].end <= offset:
            self._inherited.pop(0)
        if self._inherited and self._inherited[0].start <= offset:
            return False
        self._unfinished[offset] = None
        return True

    def finish(self, offset: int) -> None:
        """Note that nothing is left to do for the record; twice is as once."""
        self._unfinished.pop(offset, None)

    @property
    def unfinished(self) -> int:
        """How many records are taken and not finished."""
        return len(self._unfinished)

    def position(self) -> tuple[int, str] | None:
        """The offset to commit and its metadata; None before the first record of a group without a commit."""
        if self._next is None:
            return None
        stretches = self._finished()
        base = next(iter(self._unfinished), self._next)
        while stretches and stretches[0].start <= base:
            base = max(base, stretches.pop(0).end)
        return base, encode_stretches(base, stretches)

    def _finished(self) -> list[Stretch]:
        """Finished stretches behind the first unfinished record, ascending."""
        assert self._next is not None  # noqa: S101 (narrows the type: `position` has looked)
        stretches: list[Stretch] = []
        edge: int | None = None
        for offset in self._unfinished:
            if edge is not None and offset > edge:
                stretches.append(Stretch(edge, offset))
            edge = offset + 1
        if edge is not None and self._next > edge:
            stretches.append(Stretch(edge, self._next))
        for stretch in self._inherited:
            start = max(stretch.start, self._next)
            if start >= stretch.end:
                continue
            if stretches and stretches[-1].end == start:
                stretches[-1] = Stretch(stretches[-1].start, stretch.end)
            else:
                stretches.append(Stretch(start, stretch.end))
        return stretches


def encode_stretches(base: int, stretches: list[Stretch]) -> str:
    """Metadata for `stretches` (ascending, behind `base`); what does not fit is left out and runs again."""
    data = bytearray()
    edge = base
    for start, end in stretches:
        pair = _leb128(start - edge) + _leb128(end - start)
        if len(data) + len(pair) > _RAW_LIMIT:
            break
        data += pair
        edge = end
    return _VERSION + base64.b64encode(bytes(data)).decode("ascii") if data else ""


def decode_stretches(base: int, metadata: str | None) -> list[Stretch]:
    """Stretches that `encode_stretches` wrote; none for metadata of anybody else."""
    if not metadata or not metadata.startswith(_VERSION):
        return []
    try:
        numbers = _numbers(base64.b64decode(metadata[len(_VERSION) :], validate=True))
    except (binascii.Error, ValueError):
        return []
    stretches: list[Stretch] = []
    edge = base
    for gap, length in zip(numbers[::2], numbers[1::2], strict=False):
        stretches.append(Stretch(edge + gap, edge + gap + length))
        edge += gap + length
    return stretches


def _leb128(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:  # noqa: PLR2004 (seven bits a byte)
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def _numbers(data: bytes) -> list[int]:
    numbers: list[int] = []
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:  # noqa: PLR2004 (no further byte follows)
            numbers.append(number)
            number = shift = 0
    return numbers
