"""However live records, lag, losses and reconnects interleave: a reader sees 1..n, once each and in order."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fanout.feed import Feed, Pace
from fanout.hub import Hub, LiveRecord
from tests.unit.fanout.fakes import (
    RUN,
    WORKSPACE,
    LaggingHistory,
    decisions_of,
    frames,
    line,
    live,
    numbers,
    run_events,
    until,
)

if TYPE_CHECKING:
    from engine.decision import Decision

AT_ONCE = Pace(gap=(0.0, 0.0), idle=(0.0, 0.0))


def new_hub(*, ring_bytes: int = 1 << 20, buffer_bytes: int = 1 << 20) -> Hub:
    return Hub(ring_bytes=ring_bytes, buffer_bytes=buffer_bytes)


async def read(
    hub: Hub,
    history: LaggingHistory,
    *,
    after: int = 0,
    node: str | None = None,
    frames_at_most: int | None = None,
) -> str:
    """Read a stream to its end, or until it has said enough."""
    text = ""
    with hub.subscribe(WORKSPACE, RUN) as reader:
        async for chunk in Feed(reader, history, after=after, node=node, pace=AT_ONCE).chunks():
            text += chunk.decode()
            if frames_at_most is not None and text.count("\n\n") >= frames_at_most:
                break
    return text


async def publish_all(hub: Hub, batches: list[list[LiveRecord]]) -> None:
    for batch in batches:
        hub.publish(batch)
        await asyncio.sleep(0)


@st.composite
def live_streams(draw: st.DrawFn, decisions: list[Decision]) -> list[list[LiveRecord]]:
    """Decisions in order, some lost, a stretch repeated (a coordinator's crash), log lines between."""
    order = list(range(len(decisions)))
    if draw(st.booleans()):
        begin = draw(st.integers(0, len(order) - 1))
        order = order + order[begin:]
    records = []
    for index in order:
        if draw(st.integers(0, 9)) == 0:
            continue
        records += live(decisions[index])
        if draw(st.integers(0, 4)) == 0:
            records += live(line(index))
    cuts = draw(st.lists(st.integers(1, 5), max_size=len(records)))
    batches = []
    for size in cuts:
        batches.append(records[:size])
        records = records[size:]
    return [*batches, records]


@given(st.data())
def test_a_reader_sees_every_event_once_and_in_order(data: st.DataObject) -> None:
    events = run_events(data.draw(st.integers(2, 30), "events"))
    decisions = decisions_of(events, data.draw(st.lists(st.integers(1, 4), max_size=20), "sizes"))
    history = LaggingHistory(
        decisions,
        shown=data.draw(st.integers(0, len(decisions)), "shown"),
        step=data.draw(st.integers(1, 3), "step"),
        failures=frozenset(data.draw(st.sets(st.integers(1, 6)), "failures")),
    )
    hub = new_hub(
        ring_bytes=data.draw(st.sampled_from([0, 400, 1 << 20]), "ring"),
        buffer_bytes=data.draw(st.sampled_from([1, 300, 1 << 20]), "buffer"),
    )
    batches = data.draw(live_streams(decisions), "live")
    early = data.draw(st.integers(0, len(batches)), "published before")
    after = data.draw(st.integers(0, len(events) - 1), "after")

    async def scenario() -> str:
        await publish_all(hub, batches[:early])
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            reading = group.create_task(read(hub, history, after=after))
            group.create_task(publish_all(hub, batches[early:]))
        return reading.result()

    assert numbers(asyncio.run(scenario())) == list(range(after + 1, len(events) + 1))
    assert hub.readers == 0


@given(st.data())
def test_reconnecting_anywhere_continues_exactly(data: st.DataObject) -> None:
    events = run_events(data.draw(st.integers(2, 25), "events"))
    decisions = decisions_of(events, data.draw(st.lists(st.integers(1, 4), max_size=20), "sizes"))
    history = LaggingHistory(decisions, step=1)
    hub = new_hub()
    batches = data.draw(live_streams(decisions), "live")

    async def scenario() -> list[int]:
        seen: list[int] = []
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            group.create_task(publish_all(hub, batches))
            while not seen or seen[-1] < len(events):
                at_most = data.draw(st.integers(1, 8), "frames before the connection breaks")
                text = await read(hub, history, after=seen[-1] if seen else 0, frames_at_most=at_most)
                seen += numbers(text)
        return seen

    assert asyncio.run(scenario()) == list(range(1, len(events) + 1))


async def test_a_gap_waits_for_the_projection() -> None:
    decisions = decisions_of(run_events(10), [2, 2, 2])
    hub, history = new_hub(), LaggingHistory(decisions, shown=0, step=0)
    with hub.subscribe(WORKSPACE, RUN) as reader:
        chunks = Feed(reader, history, pace=AT_ONCE).chunks()
        hub.publish(live(decisions[0]))
        assert numbers((await anext(chunks)).decode()) == [1, 2]
        hub.publish(live(decisions[2]))
        pending = asyncio.ensure_future(anext(chunks))
        reads = history.reads
        await until(lambda: history.reads >= reads + 5)
        assert not pending.done()
        history.shown = 2
        assert numbers((await pending).decode())[:2] == [3, 4]


async def test_a_slow_reader_is_sent_to_the_history() -> None:
    decisions = decisions_of(run_events(200), [1] * 200)
    hub, history = new_hub(buffer_bytes=1000), LaggingHistory(decisions, shown=0)
    with hub.subscribe(WORKSPACE, RUN) as reader:
        hub.publish(live(*decisions))
        history.shown = len(decisions)
        feed = Feed(reader, history, pace=AT_ONCE)
        text = b"".join([chunk async for chunk in feed.chunks()]).decode()
    assert numbers(text) == list(range(1, 201))


async def test_lost_log_lines_are_told() -> None:
    decisions = decisions_of(run_events(4), [])
    hub = new_hub(buffer_bytes=200, ring_bytes=0)
    with hub.subscribe(WORKSPACE, RUN) as reader:
        hub.publish(live(*[line(n) for n in range(50)]))
        feed = Feed(reader, LaggingHistory(decisions, shown=1), pace=AT_ONCE)
        said = frames(b"".join([chunk async for chunk in feed.chunks()]).decode())
    kept = [frame for frame in said if frame.event == "log.line"]
    assert [frame.comment for frame in said if frame.comment] == [
        f"{50 - len(kept)} log lines were lost: the reader is too slow"
    ]


async def test_log_lines_stand_outside_the_sequence_and_before_the_end() -> None:
    decisions = decisions_of(run_events(6), [3])
    hub, history = new_hub(), LaggingHistory(decisions, shown=0)
    hub.publish(live(decisions[0], line(0), line(1), decisions[1], line(2)))
    said = frames(await read(hub, history))
    assert [frame.id for frame in said] == ["1", "2", "3", "3:0", "3:1", "4", "5", "5:2", "6"]
    assert said[3].data == {
        "seq": 3,
        "type": "log.line",
        "run_id": RUN,
        "node_id": "n0",
        "at": said[3].data["at"],
        "data": {"attempt": 1, "n": 0, "level": "info", "message": "hello"},
    }


async def test_the_node_filter_keeps_instances_and_the_end() -> None:
    decisions = decisions_of(run_events(8), [])
    hub, history = new_hub(), LaggingHistory(decisions, shown=1)
    hub.publish(live(line(0, "n1[3]"), line(1, "n2")))
    said = frames(await read(hub, history, node="n1"))
    assert [(frame.event, frame.data.get("node_id")) for frame in said] == [
        ("node.scheduled", "n1"),
        ("node.succeeded", "n1"),
        ("log.line", "n1[3]"),
        ("run.completed", None),
    ]


@pytest.mark.parametrize("after", [6, 7, 1000])
async def test_a_position_at_or_beyond_the_end_ends_at_once(after: int) -> None:
    decisions = decisions_of(run_events(6), [])
    assert await read(new_hub(), LaggingHistory(decisions, shown=1), after=after) == ""


async def test_live_events_of_another_workspace_are_none_of_the_readers() -> None:
    foreign = decisions_of(run_events(4), [], workspace="other")
    own = decisions_of(run_events(6), [])
    hub = new_hub()
    hub.publish(live(*foreign))
    assert numbers(await read(hub, LaggingHistory(own, shown=0, step=1))) == [1, 2, 3, 4, 5, 6]
    assert hub.is_of("other", RUN)
    assert not hub.is_of(WORKSPACE, RUN)


async def test_garbage_on_the_live_topic_is_passed_by() -> None:
    decisions = decisions_of(run_events(4), [])
    hub = new_hub()
    hub.publish([LiveRecord(RUN, b"garbage"), *live(*decisions)])
    assert numbers(await read(hub, LaggingHistory(decisions))) == [1, 2, 3, 4]


async def test_closing_ends_every_stream_so_that_readers_resume_elsewhere() -> None:
    hub = new_hub()
    with hub.subscribe(WORKSPACE, RUN) as reader:
        chunks = Feed(reader, LaggingHistory([]), pace=Pace()).chunks()
        pending = asyncio.ensure_future(anext(chunks, None))
        await asyncio.sleep(0)
        hub.close()
        assert await pending is None


async def test_data_holds_the_other_fields_of_an_event() -> None:
    decisions = decisions_of(run_events(4), [])
    said = frames(await read(new_hub(), LaggingHistory(decisions, shown=1)))
    assert said[2].data == {
        "seq": 3,
        "type": "node.succeeded",
        "run_id": RUN,
        "node_id": "n0",
        "at": said[2].data["at"],
        "data": {"attempt": 1, "output": {"json": {"n": 1}}},
    }
