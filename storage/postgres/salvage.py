"""Decisions that cannot be projected as they are: what can be read of them stays, the rest is marked.

An event that cannot be read becomes an event of the type `event.unreadable` with the same number, so that the
run's sequence keeps no hole: `of` says which type it was (if that can be read), `raw` holds its text in
base64, `reason` says what is wrong with it.
"""

from __future__ import annotations

import re
from base64 import b64encode
from typing import TYPE_CHECKING, Final, NamedTuple

import msgspec

from engine.json_text import JsonTextError, decode_text
from storage.wire import WireError
from storage.wire.peek import RawDecision, decode_event, decode_events

if TYPE_CHECKING:
    from collections.abc import Sequence

    from engine.events import Event

_TOKEN: Final = re.compile(rb'"(?:[^"\\]|\\.)*"|["\[\]{},]', re.DOTALL)
_TYPE: Final = re.compile(rb'\s*\{\s*"type"\s*:\s*"([a-z_.]{1,64})"')


class Unreadable(msgspec.Struct, frozen=True, tag_field="type", tag="event.unreadable", omit_defaults=True):
    """What stands for an event. `broken_off`: how many events it stands for is not known."""

    reason: str
    of: str | None = None
    raw: str = ""
    broken_off: bool = False


class Numbered(NamedTuple):
    """A decision as it can be written, its events decoded, and the number of its last event.

    `problem` says why some of it is marked; None when it is as it came.
    """

    raw: RawDecision
    events: Sequence[Event | Unreadable]
    last_seq: int
    problem: str | None = None

    @property
    def broken_off(self) -> bool:
        """Whether it may have had more events."""
        return self.problem is not None and breaks_off(self.raw.events)


_encode = msgspec.json.Encoder().encode
_marks = msgspec.json.Decoder(list[Unreadable])


class _Head(msgspec.Struct):
    type: str


_heads = msgspec.json.Decoder(list[_Head])
_MARK: Final = str(Unreadable.__struct_config__.tag)


def number(raw: RawDecision) -> Numbered:
    """Decode the events of a decision, or what can be read of them."""
    try:
        events = decode_events(raw.events)
    except WireError as error:
        return salvage(raw, str(error))
    return Numbered(raw, events, raw.first_seq + len(events) - 1)


def salvage(raw: RawDecision, reason: str) -> Numbered:
    """Keep the events that can be read: those of a kind that we do not know as text, but not folded."""
    texts = split(raw.events)
    if texts is None:
        mark = Unreadable(reason, _type_of(raw.events.lstrip(b" [")), _text64(raw.events), broken_off=True)
        return _made(raw, [_encode(mark)], [mark], reason)
    kept: list[bytes] = []
    events: list[Event | Unreadable] = []
    for text in texts:
        try:
            decode_text(text)
        except JsonTextError as error:
            mark = Unreadable(str(error), _type_of(text), _text64(text))
            kept.append(_encode(mark))
            events.append(mark)
            continue
        try:
            events.append(decode_event(text))
            kept.append(text)
        except WireError as error:
            mark = Unreadable(str(error), _type_of(text), _text64(text))
            events.append(mark)
            kept.append(text if mark.of is not None else _encode(mark))
    return _made(raw, kept, events, reason)


def refuse(raw: RawDecision, reason: str) -> Numbered:
    """Keep nothing of a decision but its numbers and the text of its events: Postgres does not take it."""
    found = salvage(raw, reason)
    if any(isinstance(event, Unreadable) for event in found.events):
        return found
    texts = split(raw.events) or []
    marks = [Unreadable(reason, _type_of(text), _text64(text)) for text in texts]
    return _made(raw, [_encode(mark) for mark in marks], marks, reason)


def bridge(before: int, following: RawDecision) -> Numbered:
    """What stands between event `before`, where a decision broke off, and the run's next decision."""
    reason = "the decision before broke off: its other events are lost"
    marks = [Unreadable(reason)] * (following.first_seq - before - 1)
    raw = msgspec.structs.replace(following, first_seq=before + 1, cause=b"")
    return _made(raw, [_encode(mark) for mark in marks], marks, reason)


def breaks_off(events: bytes) -> bool:
    """Whether these stored events stand for more of them than there are."""
    try:
        return _marks.decode(events)[-1].broken_off
    except (msgspec.MsgspecError, RecursionError, IndexError):
        return False


def is_marked(events: bytes) -> bool:
    """Whether there are marks among these stored events, which cannot be compared with what was decided."""
    try:
        return any(head.type == _MARK for head in _heads.decode(events))
    except (msgspec.MsgspecError, RecursionError):
        return False


def split(events: bytes) -> list[bytes] | None:
    """The texts of an array's elements, however deeply nested; None when the array has no end."""
    texts: list[bytes] = []
    depth, begin = 0, 0
    for found in _TOKEN.finditer(events):
        token = found.group()
        if token == b'"':
            return None
        if token in b"[{":
            depth += 1
            begin = found.end() if depth == 1 else begin
        elif token in b"]}":
            depth -= 1
        if depth == 0 or (depth == 1 and token == b","):
            texts.append(events[begin : found.start()].strip())
            begin = found.end()
        if depth == 0:
            whole = token == b"]" and not events[found.end() :].strip()
            return ([] if texts == [b""] else texts) if whole else None
    return None


def _made(
    raw: RawDecision, texts: Sequence[bytes], events: Sequence[Event | Unreadable], problem: str
) -> Numbered:
    written = msgspec.structs.replace(raw, events=b"[" + b",".join(texts) + b"]")
    return Numbered(written, events, raw.first_seq + len(events) - 1, problem)


def _type_of(text: bytes) -> str | None:
    found = _TYPE.match(text)
    return found and found.group(1).decode()


def _text64(text: bytes) -> str:
    return b64encode(text).decode()
