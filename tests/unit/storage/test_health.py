"""The health server."""

from __future__ import annotations

import threading

import httpx
import pytest

from storage.health import HealthServer


def get(server: HealthServer, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.port}{path}")


def test_it_is_healthy_whether_ready_or_not() -> None:
    with HealthServer(0, lambda: "still starting") as server:
        assert get(server, "/healthz").status_code == 200


def test_ready_is_asked_each_time() -> None:
    reasons: list[str | None] = ["no partitions yet", None]
    with HealthServer(0, lambda: reasons.pop(0)) as server:
        waiting, ready = get(server, "/readyz"), get(server, "/readyz?verbose")

    assert waiting.status_code == 503
    assert waiting.json() == {"status": "not ready", "reason": "no partitions yet"}
    assert ready.status_code == 200
    assert ready.json() == {"status": "ready"}


def test_an_error_of_ready_is_a_reason() -> None:
    def broken() -> str | None:
        raise LookupError("no such thing")

    with HealthServer(0, broken) as server:
        answer = get(server, "/readyz")

    assert answer.status_code == 503
    assert answer.json()["reason"] == "LookupError: no such thing"


def test_metrics_tell_of_the_process() -> None:
    with HealthServer(0, lambda: "still starting") as server:
        answer = get(server, "/metrics")

    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    figures = dict(line.rsplit(" ", 1) for line in answer.text.splitlines() if not line.startswith("#"))
    assert float(figures["process_resident_memory_bytes"]) > 0
    assert float(figures["process_cpu_seconds_total"]) > 0


def test_other_paths_are_not_there() -> None:
    with HealthServer(0, lambda: None) as server:
        assert get(server, "/nope").status_code == 404


def test_it_leaves_no_thread_and_frees_its_port() -> None:
    before = set(threading.enumerate())
    with HealthServer(0, lambda: None) as server:
        port = server.port
        get(server, "/healthz")

    assert set(threading.enumerate()) == before
    with HealthServer(port, lambda: None) as again:
        assert get(again, "/healthz").status_code == 200


def test_a_taken_port_is_an_error() -> None:
    with HealthServer(0, lambda: None) as server, pytest.raises(OSError, match="in use"):
        HealthServer(server.port, lambda: None)


def test_it_can_be_stopped_without_having_been_started() -> None:
    HealthServer(0, lambda: None).stop()
