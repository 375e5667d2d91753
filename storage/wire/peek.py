"""Reading a `Decision` without decoding its events: for readers that pass most of them on as they are."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

import fastavro
import msgspec

from engine.decision import Decision
from engine.events import Event
from storage.wire import schemas
from storage.wire.codec import HEADER_SIZE, WireError, decode

if TYPE_CHECKING:
    from storage.wire.records import Record

_DECISION = schemas.current()[Decision.__name__]
_events = msgspec.json.Decoder(list[Event])
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


class RawDecision(msgspec.Struct, frozen=True, kw_only=True):
    """A `Decision` whose `events` are the text of a JSON array, as each event was encoded by its writer."""

    workspace: str
    run_id: str
    first_seq: int
    at: int
    cause: bytes
    partition: int
    offset: int
    events: bytes


def peek(data: bytes | None) -> RawDecision | Record:
    """Decode a record, but leave a decision's events alone. WireError for what is no record of ours."""
    if data is None or data[:HEADER_SIZE] != _DECISION.header:
        record = decode(data)
        # A decision in an older schema: rare, so it may cost.
        return _raw(record) if isinstance(record, Decision) else record
    buffer = io.BytesIO(data)
    buffer.seek(HEADER_SIZE)
    try:
        value: Any = fastavro.schemaless_reader(buffer, _DECISION.parsed, None)
        left_over = len(data) - buffer.tell()
        decision = RawDecision(**value)
    except Exception as error:  # any error of a decoder fed with foreign bytes means the same
        raise WireError(f"the bytes are no Decision: {type(error).__name__}: {error}") from error
    if left_over:
        raise WireError(f"{left_over} bytes are left over behind the record")
    return decision


def peek_decision(data: bytes | None) -> RawDecision:
    """As `peek`; WireError for a record of another kind too."""
    record = peek(data)
    if not isinstance(record, RawDecision):
        raise WireError(f"the record is a {type(record).__name__}, not a Decision")
    return record


def decode_events(events: bytes) -> list[Event]:
    """The events of a raw decision; WireError for one that we do not know or that is nested too deeply."""
    try:
        return _events.decode(events)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"the events cannot be decoded: {error}") from error


def decode_event(text: bytes) -> Event:
    """One event by itself; WireError."""
    try:
        return _event.decode(text)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"the event cannot be decoded: {error}") from error


def kind_of(data: bytes) -> str:
    """The kind of an encoded record by its header alone, such as `JobSucceeded`; WireError."""
    schema = schemas.readable().get(data[:HEADER_SIZE])
    if schema is None:
        raise WireError("the record's schema is unknown")
    return schema.name


def _raw(decision: Decision) -> RawDecision:
    fields = {name: getattr(decision, name) for name in Decision.__struct_fields__}
    return RawDecision(**fields | {"events": msgspec.json.encode(decision.events)})
