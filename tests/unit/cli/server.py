"""A small api and feed that answer as they are told, for the client's command line."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

RUN = "r0_abc"


@dataclass
class Request:
    """What was asked."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (any JSON value)
        """The body."""
        return json.loads(self.body)


@dataclass
class FakeServer:
    """Answers by method and path (without query): in turn, the last one for ever."""

    url: str = ""
    asked: list[Request] = field(default_factory=list)
    answers: dict[str, list[tuple[int, bytes, str]]] = field(default_factory=dict)
    held: threading.Event = field(default_factory=threading.Event)

    def on(self, what: str, body: object, status: int = 200, media_type: str = "application/json") -> None:
        """Answer `METHOD /path` with a JSON value or with a text; status 0 breaks the connection off."""
        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
        self.answers.setdefault(what, []).append((status, content, media_type))

    def feed(self, *events: dict[str, Any]) -> None:
        """Answer the run's feed with these events; without a last event the connection then stays open."""
        text = "".join(f"id: {e['seq']}\nevent: {e['type']}\ndata: {json.dumps(e)}\n\n" for e in events)
        self.on(f"GET /v1/runs/{RUN}/events", text, media_type="text/event-stream")

    def take(self, what: str) -> tuple[int, bytes, str]:
        """The next answer."""
        answers = self.answers.get(what)
        if not answers:
            problem = {"status": 404, "code": "NOT_FOUND", "detail": f"nothing answers {what}", "errors": []}
            return 404, json.dumps(problem).encode(), "application/problem+json"
        return answers.pop(0) if len(answers) > 1 else answers[0]


@contextmanager
def serving() -> Iterator[FakeServer]:
    """Serve on a free port."""
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Be quiet."""

        def answer(self) -> None:
            size = int(self.headers.get("content-length", 0))
            headers = {name.lower(): value for name, value in self.headers.items()}
            fake.asked.append(Request(self.command, self.path, headers, self.rfile.read(size)))
            status, content, media_type = fake.take(f"{self.command} {self.path.partition('?')[0]}")
            if not status:
                return
            self.send_response(status)
            self.send_header("content-type", media_type)
            streamed = media_type == "text/event-stream"
            if not streamed:
                self.send_header("content-length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)
            self.wfile.flush()
            if streamed and b"event: run.completed" not in content and b"event: run.failed" not in content:
                fake.held.wait()

        do_GET = do_POST = do_PUT = answer  # noqa: N815 (the names that http.server looks for)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    fake.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield fake
    finally:
        fake.held.set()
        server.shutdown()
        thread.join()
        server.server_close()


def event(
    seq: int,
    kind: str,
    node: str | None = None,
    at: int = 1_700_000_000_000,
    **data: Any,  # noqa: ANN401 (any JSON value)
) -> dict[str, Any]:
    """An event as the feed says it."""
    found = {"seq": seq, "type": kind, "run_id": RUN, "at": at, "data": data}
    return found if node is None else found | {"node_id": node}
