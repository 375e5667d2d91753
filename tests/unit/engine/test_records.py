"""State records read what one version older and one version newer wrote."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.errors import NodeError
from engine.events import RunStarted
from engine.payload import Payload, Ref, inline
from engine.state import Box, NodeState, NodeStatus, RunHeader, RunState, Signals
from engine.state.records import Steps
from engine.step import Step
from tests.support.machine import Graphs, Store

HEADER = RunHeader(
    "w",
    "hash",
    "RUNNING",
    7,
    99,
    1,
    2,
    3,
    4,
    "failing",
    NodeError("C", "m"),
    "why",
    [1],
    ["s"],
    5,
    6,
    7,
    "high",
)
BOX = Box(9, 8, 7, 6, 5, 4, Payload(ref=Ref("ab", 3)), [inline(1), None], 1, "child", "signal", 2)
NODE = NodeState(
    NodeStatus.RUNNING, 2, 1, 1, inline({"a": 1}), NodeError("C", "m"), [True], resolving=True, box=BOX
)
STEP = Step("begin", "a[3]", 2, inline(5))
RECORDS = [HEADER, BOX, NODE, Signals(["a"], [inline(1)], ["c"]), Steps([STEP]), STEP]


def fields(record: object) -> list[Any]:
    """The record as the state holds it: a list."""
    return msgspec.json.decode(msgspec.json.encode(record), type=list[Any])


def one_newer(record: object) -> list[Any]:
    return [*fields(record), "a field of the next version"]


def one_older(record: object) -> list[Any]:
    return fields(record)[:-1]


@pytest.mark.parametrize("record", RECORDS)
def test_they_read_what_they_wrote(record: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(record), type=type(record)) == record


@pytest.mark.parametrize("record", RECORDS)
def test_they_read_a_version_with_a_field_more(record: msgspec.Struct) -> None:
    assert msgspec.json.decode(msgspec.json.encode(one_newer(record)), type=type(record)) == record


@pytest.mark.parametrize("record", [record for record in RECORDS if not isinstance(record, Steps)])
def test_they_read_a_version_with_a_field_less(record: msgspec.Struct) -> None:
    read = msgspec.json.decode(msgspec.json.encode(one_older(record)), type=type(record))
    last = msgspec.structs.fields(type(record))[-1]
    default = last.default if last.default_factory is msgspec.NODEFAULT else last.default_factory()
    assert getattr(read, last.name) == default
    for name in record.__struct_fields__[:-1]:
        assert getattr(read, name) == getattr(record, name)


@pytest.mark.parametrize("record", RECORDS)
def test_every_field_but_what_it_is_about_has_a_default(record: msgspec.Struct) -> None:
    required = len(record.__struct_fields__) - len(type(record).__struct_defaults__)
    assert required == {RunHeader: 1, Steps: 1, Step: 2}.get(type(record), 0)


def test_a_start_of_another_version_is_read_too() -> None:
    start = RunStarted(graph="h", inputs=inline(1), decide_version=1, author="a", command_id="c")
    data = msgspec.json.decode(msgspec.json.encode(start)) | {"a_new_field": 1}
    assert msgspec.json.decode(msgspec.json.encode(data), type=RunStarted) == start


def test_a_whole_state_of_the_next_version_can_be_read() -> None:
    store = Store(h=msgspec.json.encode(one_newer(HEADER)))
    store["n/a"] = msgspec.json.encode(one_newer(NODE))
    state = RunState("r0_x", store, Graphs())
    assert state.header == HEADER
    assert state.node("a") == NODE


def test_statuses_are_numbers_for_ever() -> None:
    assert [(status.name, status.value) for status in NodeStatus] == [
        ("PENDING", 0),
        ("QUEUED", 1),
        ("RUNNING", 2),
        ("WAITING", 3),
        ("RETRYING", 4),
        ("SUCCEEDED", 5),
        ("FAILED", 6),
        ("SKIPPED", 7),
        ("CANCELLED", 8),
    ]


def test_nothing_is_written_before_flush() -> None:
    store = Store()
    state = RunState("r0_x", store, Graphs())
    state.create(RunHeader("w"))
    state.edit_node("a").attempt = 1
    state.put_items("m", [msgspec.Raw(b"1")] * 40)
    assert store == {}
    state.flush()
    assert sorted(store) == ["h", "i/m/0", "i/m/1", "n/a"]
    state.drop_node("a")
    state.drop_items("m", 32)
    state.drop_node("never there")
    assert "n/a" in store
    state.flush()
    assert sorted(store) == ["h", "i/m/0"]


def test_a_run_that_is_not_known() -> None:
    state = RunState("r0_x", Store(), Graphs())
    assert not state.known
    with pytest.raises(KeyError):
        _ = state.header
    with pytest.raises(KeyError):
        _ = state.start
    assert state.node("a") == NodeState()
    assert state.steps(3) == []
