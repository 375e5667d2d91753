"""A local web server that HTTP nodes call."""

from __future__ import annotations

import json
import threading
from collections import Counter
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


class Web:
    """Its address, the requests that it got by path, and their idempotency keys.

    `/json` answers with JSON, `/file/...` with a file's text after one 503 for each path, `/away?URL`
    redirects to URL.
    """

    def __init__(self, file: Path) -> None:
        self.file = file
        self.requests: Counter[str] = Counter()
        self.keys: list[str | None] = []
        self.address = ""

    @property
    def url(self) -> str:
        """The base URL."""
        return f"http://{self.address}"


@contextmanager
def web_server(file: Path) -> Iterator[Web]:
    """Serve on a free port of the loopback interface."""
    web = Web(file)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path, _, query = self.path.partition("?")
            web.requests[path] += 1
            web.keys.append(self.headers.get("idempotency-key"))
            if path == "/json":
                self._answer("application/json", json.dumps({"answer": 42}).encode())
            elif path == "/away":
                self.send_response(HTTPStatus.FOUND)
                self.send_header("Location", query)
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif web.requests[path] == 1:
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "back in a moment")
            else:
                self._answer("text/plain; charset=utf-8", web.file.read_bytes())

        def _answer(self, media_type: str, data: bytes) -> None:
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.address = f"127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
