from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import pytest
import uvicorn

from fanout.app import Services, create_app
from fanout.feed import Pace
from fanout.history import Head, HistoryUnavailable
from fanout.hub import Hub
from tests.unit.fanout.fakes import (
    RUN,
    WORKSPACE,
    LaggingHistory,
    decisions_of,
    frames,
    live,
    numbers,
    run_events,
    until,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from fanout.feed_event import FeedEvent
    from fanout.history import History

KEY = {"authorization": "Bearer key-of-default"}
AT_ONCE = Pace(gap=(0.0, 0.0), idle=(0.0, 0.0))
URL = f"/v1/runs/{RUN}/events"


class TwoKeys:
    async def workspace(self, key: str) -> str | None:
        return {"key-of-default": WORKSPACE, "key-of-other": "other"}.get(key)


class NoHistory:
    async def head(self, workspace: str, run_id: str) -> Head | None:
        raise HistoryUnavailable("Postgres does not answer")

    async def after(self, workspace: str, run_id: str, seq: int, limit: int) -> list[FeedEvent]:
        raise HistoryUnavailable("Postgres does not answer")


def services(
    history: History,
    *,
    hub: Hub | None = None,
    accepted: Callable[[str, str], int | None] = lambda _workspace, _run: None,
    following: bool = True,
    max_streams: int = 10,
    heartbeat_s: float = 15,
) -> Services:
    return Services(
        hub=hub or Hub(ring_bytes=1 << 20, buffer_bytes=1 << 20),
        history=history,
        keys=TwoKeys(),
        accepted=accepted,
        following=lambda: following,
        max_streams=max_streams,
        heartbeat_s=heartbeat_s,
        pace=AT_ONCE,
    )


def finished(count: int = 6) -> LaggingHistory:
    return LaggingHistory(decisions_of(run_events(count), []), shown=1)


async def get(given: Services, url: str = URL, headers: dict[str, str] | None = None) -> httpx.Response:
    transport = httpx.ASGITransport(create_app(given))
    async with httpx.AsyncClient(transport=transport, base_url="http://fanout") as client:
        return await client.get(url, headers=KEY if headers is None else headers)


async def test_a_finished_run_is_told_from_the_beginning() -> None:
    answer = await get(services(finished()))
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["cache-control"] == "no-store"
    assert "access-control-allow-origin" not in answer.headers
    assert numbers(answer.text) == [1, 2, 3, 4, 5, 6]
    assert frames(answer.text)[-1].event == "run.completed"


@pytest.mark.parametrize(
    ("url", "headers"),
    [
        (f"{URL}?after=4", {}),
        (URL, {"last-event-id": "4"}),
        (URL, {"last-event-id": "4:17"}),
        (f"{URL}?after=1", {"last-event-id": "4"}),
    ],
)
async def test_a_reader_resumes_behind_what_it_has(url: str, headers: dict[str, str]) -> None:
    assert numbers((await get(services(finished()), url, KEY | headers)).text) == [5, 6]


async def test_a_reader_who_has_it_all_is_told_not_to_come_back() -> None:
    answer = await get(services(finished()), f"{URL}?after=6")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("url", "headers", "pointer"),
    [
        (f"{URL}?after=-1", {}, "/query/after"),
        (f"{URL}?after=x", {}, "/query/after"),
        (URL, {"last-event-id": "1:x"}, "/header/last-event-id"),
        (f"{URL}?node=a%20b", {}, "/query/node"),
    ],
)
async def test_a_bad_parameter_is_named(url: str, headers: dict[str, str], pointer: str) -> None:
    answer = await get(services(finished()), url, KEY | headers)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"][0]["pointer"] == pointer


@pytest.mark.parametrize(
    "headers",
    [{}, {"authorization": "Basic x"}, {"authorization": "Bearer "}, {"authorization": "Bearer wrong"}],
)
async def test_a_key_is_needed(headers: dict[str, str]) -> None:
    answer = await get(services(finished()), headers=headers)
    assert answer.status_code == 401
    assert answer.json()["code"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_what_belongs_to_another_workspace_is_not_there() -> None:
    answer = await get(services(finished()), headers={"authorization": "Bearer key-of-other"})
    assert answer.status_code == 404
    assert answer.json()["code"] == "NOT_FOUND"


@pytest.mark.parametrize("run_id", ["r0_unknown", "no%20id", "x" * 65])
async def test_a_run_that_nobody_knows_is_not_there(run_id: str) -> None:
    assert (await get(services(finished()), f"/v1/runs/{run_id}/events")).status_code == 404


async def test_a_run_that_was_just_accepted_is_waited_for() -> None:
    decisions = decisions_of(run_events(4), [])
    given = services(
        LaggingHistory(decisions),
        accepted=lambda workspace, _: int(time.time() * 1000) if workspace == WORKSPACE else None,
    )
    async with asyncio.TaskGroup() as group:
        answer = group.create_task(get(given))
        await until(lambda: given.hub.readers > 0)
        given.hub.publish(live(*decisions))
    assert numbers(answer.result().text) == [1, 2, 3, 4]


async def test_a_run_that_was_accepted_long_ago_and_never_seen_is_not_there() -> None:
    given = services(LaggingHistory([]), accepted=lambda _workspace, _run: int((time.time() - 3600) * 1000))
    assert (await get(given)).status_code == 404


async def test_a_run_that_only_the_live_feed_has_seen_is_there() -> None:
    decisions = decisions_of(run_events(4), [])
    given = services(LaggingHistory(decisions))
    given.hub.publish(live(*decisions))
    assert numbers((await get(given)).text) == [1, 2, 3, 4]
    assert (await get(given, headers={"authorization": "Bearer key-of-other"})).status_code == 404


async def test_without_history_the_answer_is_503() -> None:
    answer = await get(services(NoHistory()))
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"


async def test_there_may_be_so_many_streams() -> None:
    given = services(
        LaggingHistory([]), accepted=lambda _workspace, _run: int(time.time() * 1000), max_streams=1
    )
    with given.hub.subscribe(WORKSPACE, RUN):
        assert (await get(given)).status_code == 503


async def test_health() -> None:
    assert (await get(services(finished()), "/healthz", {})).text == "ok\n"
    assert (await get(services(finished()), "/readyz", {})).status_code == 200
    assert (await get(services(finished(), following=False), "/readyz", {})).status_code == 503


async def test_unknown_paths_and_methods_are_problems() -> None:
    transport = httpx.ASGITransport(create_app(services(finished())))
    async with httpx.AsyncClient(transport=transport, base_url="http://fanout") as client:
        assert (await client.get("/v1/nothing")).json()["code"] == "NOT_FOUND"
        assert (await client.post(URL)).json()["code"] == "METHOD_NOT_ALLOWED"


async def test_over_a_socket_a_quiet_stream_beats_and_a_reader_who_leaves_is_forgotten() -> None:
    decisions = decisions_of(run_events(4), [1])
    given = services(
        LaggingHistory(decisions), accepted=lambda _workspace, _run: int(time.time() * 1000), heartbeat_s=0.02
    )
    server = uvicorn.Server(uvicorn.Config(create_app(given), port=0, log_level="critical", ws="none"))
    serving = asyncio.create_task(server.serve())
    await until(lambda: server.started)
    port = server.servers[0].sockets[0].getsockname()[1]
    async with (
        asyncio.timeout(20),
        httpx.AsyncClient() as client,
        client.stream("GET", f"http://127.0.0.1:{port}{URL}", headers=KEY) as answer,
    ):
        rows = answer.aiter_lines()
        assert await anext(rows) == ": heartbeat"
        given.hub.publish(live(decisions[0]))
        while await anext(rows) != "id: 1":
            pass
        assert given.hub.readers == 1
    await until(lambda: given.hub.readers == 0)
    server.should_exit = True
    await serving
