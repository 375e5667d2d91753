"""Decisions read without decoding their events."""

from __future__ import annotations

import json

import fastavro
import msgspec
import pytest

from engine.decision import Decision
from engine.log_line import LogLine
from engine.payload import inline
from storage.postgres.timeline import events_of
from storage.wire import WireError, decode, encode, schemas
from storage.wire.peek import decode_events, kind_of, peek, peek_decision
from tests.support.decisions import scheduled, started, succeeded

DECISION = Decision(
    workspace="default",
    run_id="r0_a",
    first_seq=3,
    at=1000,
    cause=b"\x00\xff",
    partition=1,
    offset=2,
    events=[started(), succeeded("é", inline({"n": [1, None]})), scheduled("b")],
)
LINE = LogLine(workspace="w", run_id="r", path="p", attempt=1, n=0, at=1, level="info", message="m")


def test_a_peeked_decision_is_the_decision() -> None:
    raw = peek_decision(encode(DECISION))

    fields = {name: getattr(raw, name) for name in raw.__struct_fields__}
    assert Decision(**fields | {"events": decode_events(raw.events)}) == decode(encode(DECISION))
    assert raw.events == msgspec.json.encode(DECISION.events)


def test_no_events_are_an_empty_array() -> None:
    raw = peek_decision(encode(msgspec.structs.replace(DECISION, events=[])))

    assert raw.events == b"[]"
    assert decode_events(raw.events) == []


def test_other_records_are_decoded() -> None:
    assert peek(encode(LINE)) == LINE
    with pytest.raises(WireError, match="is a LogLine, not a Decision"):
        peek_decision(encode(LINE))


@pytest.mark.parametrize("cut", [0, 1, 9, 10, 11, 30, -1])
def test_what_is_cut_off_is_refused(cut: int) -> None:
    with pytest.raises(WireError):
        peek(encode(DECISION)[:cut])


def test_garbage_and_nothing_are_refused() -> None:
    for data in (None, b"garbage that is no record", encode(DECISION) + b"x"):
        with pytest.raises(WireError):
            peek(data)


def test_a_decision_in_an_older_schema_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    current = schemas.current()["Decision"]
    older = schemas.Schema("Decision", fastavro.parse_schema(dict(current.parsed)), b"\xc3\x01older!!!")  # type: ignore[arg-type]
    monkeypatch.setattr(schemas, "readable", lambda: {older.header: older})

    assert peek_decision(older.header + encode(DECISION)[10:]) == peek_decision(encode(DECISION))


@pytest.mark.parametrize("events", [b"[", b'[{"type":"nope"}]', b"[1]", b"[" * 100_000])
def test_events_that_are_none_are_refused(events: bytes) -> None:
    with pytest.raises(WireError, match="cannot be decoded"):
        decode_events(events)


def test_the_kind_is_in_the_header() -> None:
    assert kind_of(encode(LINE)[:10]) == "LogLine"
    with pytest.raises(WireError):
        kind_of(b"")


def test_single_events_are_numbered_and_verbatim() -> None:
    timeline = events_of(peek_decision(encode(DECISION)))

    assert [(event.seq, event.type, event.node_id, event.at) for event in timeline] == [
        (3, "run.started", None, 1000),
        (4, "node.succeeded", "é", 1000),
        (5, "node.scheduled", "b", 1000),
    ]
    assert json.loads(bytes(timeline[1].data))["output"] == {"json": {"n": [1, None]}}
