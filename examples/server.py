"""A local web server for the examples: it serves one file, and fails now and then, as servers do."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@contextmanager
def flaky_server(file: Path, failures: int = 1) -> Iterator[str]:
    """Serve `file` on a free port of 127.0.0.1, at first with 503 for `failures` times; yields its URL."""
    data = file.read_bytes()
    left = [failures]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if left[0] > 0:
                left[0] -= 1
                self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, "back in a moment")
                return
            self.send_response(HTTPStatus.OK)
            self.send_header("Content-Type", "text/plain; charset=utf-8")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/{file.name}"
        finally:
            server.shutdown()
            thread.join()
