"""Health of a process that serves no HTTP itself: `/healthz`, `/readyz` and `/metrics` on 127.0.0.1."""

from __future__ import annotations

import json
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

Ready = Callable[[], str | None]
"""Why the process is not ready, or None when it is. Called in a thread of the server's; quick."""

_REQUEST_TIMEOUT_S = 5


class HealthServer:
    """Answers while it is started: `/healthz` always, `/readyz` by asking `ready`. A context manager, too.

    `/metrics` has the figures of the process (memory, CPU, files, garbage collection) for Prometheus.
    """

    def __init__(self, port: int, ready: Ready) -> None:
        """Listen on `port` (0: any free one, see `port`); OSError when it is taken."""
        self._server = _Server(("127.0.0.1", port), _handler(ready))
        self._thread: Thread | None = None

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Answer in the background."""
        # A short poll, so that `stop` need not wait.
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="health", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Answer no more and free the port; returns when all threads have ended."""
        if self._thread is not None:
            self._server.shutdown()
            self._thread.join()
            self._thread = None
        self._server.server_close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    # server_close joins them; a request cannot outlive its time-out.
    daemon_threads = False
    block_on_close = True
    # Another process's port must be an error, not shared.
    allow_reuse_port = False


def _reason(ready: Ready) -> str | None:
    try:
        return ready()
    except Exception as error:  # noqa: BLE001 (whatever it is, the process is not ready)
        return f"{type(error).__name__}: {error}"


def _figures() -> tuple[str, bytes]:
    """Media type and text of the process's figures."""
    # Imported here: most processes are never asked, and need not hold it in memory.
    from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415

    return CONTENT_TYPE_LATEST, generate_latest()


def _handler(ready: Ready) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/healthz":
                self._answer(HTTPStatus.OK, {"status": "ok"})
            elif path == "/readyz":
                self._ready()
            elif path == "/metrics":
                self._send(HTTPStatus.OK, *_figures())
            else:
                self._answer(HTTPStatus.NOT_FOUND, {"status": "not found"})

        def _ready(self) -> None:
            reason = _reason(ready)
            if reason is None:
                self._answer(HTTPStatus.OK, {"status": "ready"})
            else:
                self._answer(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "reason": reason})

        def _answer(self, status: HTTPStatus, body: dict[str, str]) -> None:
            self._send(status, "application/json", json.dumps(body).encode())

        def _send(self, status: HTTPStatus, media_type: str, data: bytes) -> None:
            self.send_response(status)
            self.send_header("content-type", media_type)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 (the signature is http.server's)
            """Probes come every few seconds: not worth a line."""

    return Handler
