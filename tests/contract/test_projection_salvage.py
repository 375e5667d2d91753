"""Decisions that cannot be read: the hole is shown, and what follows is projected."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import msgspec
import pytest

from engine import events
from engine.payload import inline
from storage.postgres.errors import Conflict
from storage.postgres.salvage import split
from tests.contract.test_projection import RUN, Bench, bench
from tests.support.decisions import TOPIC, WORKSPACE, Run, arrivals, scheduled, started, succeeded

if TYPE_CHECKING:
    from storage.wire.peek import RawDecision

__all__ = ["bench"]

DEEP = b"[" * 3000 + b"]" * 3000


def with_events(decision: RawDecision, old: bytes, new: bytes) -> RawDecision:
    assert old in decision.events
    return msgspec.structs.replace(decision, events=decision.events.replace(old, new))


def chain_with_a_bad_middle(old: bytes, new: bytes) -> tuple[list[RawDecision], RawDecision]:
    decisions = Run(RUN).chain(3, inline("x"))
    bad = decisions[1] = with_events(decisions[1], old, new)
    return decisions, bad


@pytest.mark.parametrize("size", [1, 1000])
async def test_an_event_nested_too_deeply_is_marked_alone(bench: Bench, size: int) -> None:
    decisions, bad = chain_with_a_bad_middle(b'"x"', DEEP)
    bench.project(decisions, size)

    assert (await bench.run()).status == "COMPLETED"
    timeline = await bench.reads.timeline(WORKSPACE, RUN)
    assert [event.seq for event in timeline] == list(range(1, 9))
    assert [event.type for event in timeline][2:4] == ["event.unreadable", "node.scheduled"]
    mark = msgspec.json.decode(timeline[2].data)
    assert mark["of"] == "node.succeeded"
    assert "recursion" in mark["reason"]
    assert base64.b64decode(mark["raw"]) in bad.events
    assert (await bench.node("n0")).status == "QUEUED"
    assert (await bench.node("n1")).status == "SUCCEEDED"


async def test_an_event_of_a_newer_version_stays_as_it_is_and_is_not_folded(bench: Bench) -> None:
    decisions, _ = chain_with_a_bad_middle(b"node.succeeded", b"node.dreamt")
    bench.project(decisions)

    assert (await bench.run()).status == "COMPLETED"
    assert [event.type for event in await bench.reads.timeline(WORKSPACE, RUN)][2] == "node.dreamt"


@pytest.mark.parametrize("size", [1, 1000])
async def test_a_decision_that_breaks_off_is_filled_up(bench: Bench, size: int) -> None:
    decisions, bad = chain_with_a_bad_middle(b'"x"', b'"x')
    bench.project(decisions, size)
    bench.project(decisions, size)

    run = await bench.run()
    assert (run.status, run.last_seq) == ("COMPLETED", 8)
    timeline = await bench.reads.timeline(WORKSPACE, RUN)
    assert [event.seq for event in timeline] == list(range(1, 9))
    assert [event.type for event in timeline][2:4] == ["event.unreadable"] * 2
    assert base64.b64decode(msgspec.json.decode(timeline[2].data)["raw"]) == bad.events


async def test_a_run_whose_start_and_end_cannot_be_read_has_both(bench: Bench) -> None:
    run = Run(RUN)
    first = with_events(run.decide(started(), scheduled("a")), b'{"n":1}', DEEP)
    last = with_events(run.decide(succeeded("a"), events.RunCompleted(output=inline("x"))), b'"x"', DEEP)
    bench.project([first, last])

    row = await bench.run()
    assert (row.status, row.workflow, row.author, row.ended_at) == ("COMPLETED", None, "", last.at)
    assert (await bench.node("a")).status == "SUCCEEDED"


async def test_it_is_laid_aside_once_and_may_come_again(bench: Bench) -> None:
    decisions, bad = chain_with_a_bad_middle(b'"x"', DEEP)
    heard = []
    writer = bench.writer()
    writer.next_offset(TOPIC, 0)
    batch = arrivals(decisions)
    writer.write(batch, lambda arrival, _: heard.append(arrival.record))
    writer.write(arrivals(decisions, len(batch)))

    assert heard == [bad]


async def test_a_sound_decision_that_differs_is_a_conflict_still(bench: Bench) -> None:
    decisions = Run(RUN).chain(3, inline("x"))
    bench.project(decisions)
    with pytest.raises(Conflict):
        bench.project([*decisions[:1], with_events(decisions[1], b'"x"', b'"y"')])


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        (b"[]", []),
        (b" [ ] ", []),
        (b'[{"a":[1,2]},{"b":"],[\\\\\\""}]', [b'{"a":[1,2]}', b'{"b":"],[\\\\\\""}']),
        (b"[1,2", None),
        (b'[{"a":"}]', None),
        (b"[1]]", None),
        (b"", None),
        (b"{}", None),
        (b"1,2", None),
    ],
)
def test_the_elements_of_an_array_are_told_apart(text: bytes, parts: list[bytes] | None) -> None:
    assert split(text) == parts
