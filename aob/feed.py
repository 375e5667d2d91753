"""Reading the live feed: Server-Sent Events that go on where they stopped when the connection breaks."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING

import httpx

from aob.errors import UnreachableError
from aob.shapes import RUN_ENDS
from aob.transport import api_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from aob.shapes import Event

_SILENCE_S = 45.0
"""Three heartbeats: a connection that is quiet for longer is dead."""

_NO_CONTENT = 204
_TOO_MANY = 429
_SERVER_FAULT = 500
_PAUSE_S = (0.1, 2.0)


class FeedReader:
    """Reads one run's feed; a broken connection is taken up again for up to `patience_s` seconds."""

    def __init__(self, http: httpx.Client, url: str, *, patience_s: float, node: str | None = None) -> None:
        self._http = http
        self._url = url
        self._patience_s = patience_s
        self._node = node
        self._lines: dict[str, tuple[int, int]] = {}
        self._connected = False
        self._broken_at: float | None = None

    def events(self, after: int) -> Iterator[Event]:
        """Events behind number `after` to the run's last one; UnreachableError, ApiError."""
        position = str(after)
        pause = _PAUSE_S[0]
        while True:
            try:
                for position_now, event in self._connection(position):
                    position, pause = position_now, _PAUSE_S[0]
                    if self._is_new(event):
                        yield event
                    if event["type"] in RUN_ENDS:
                        return
            except _EndedError:
                return
            except (httpx.TransportError, _BusyError) as error:
                self._broken_at = self._broken_at or time.monotonic()
                # Without a first connection the caller should know at once that nobody is there.
                if not self._connected or time.monotonic() - self._broken_at > self._patience_s:
                    raise self._given_up(error) from error
            time.sleep(pause)
            pause = min(pause * 2, _PAUSE_S[1])

    def _connection(self, position: str) -> Iterator[tuple[str, Event]]:
        headers = {"accept": "text/event-stream", "last-event-id": position}
        params = {} if self._node is None else {"node": self._node}
        timeout = httpx.Timeout(**{**self._http.timeout.as_dict(), "read": _SILENCE_S})
        with self._http.stream("GET", self._url, headers=headers, params=params, timeout=timeout) as answer:
            if answer.status_code == _NO_CONTENT:
                raise _EndedError
            if not answer.is_success:
                error = api_error(answer.status_code, answer.read())
                if answer.status_code == _TOO_MANY or answer.status_code >= _SERVER_FAULT:
                    raise _BusyError(error)
                raise error
            self._connected, self._broken_at = True, None
            yield from parse(answer.iter_lines())

    def _is_new(self, event: Event) -> bool:
        """A log line may come again after a reconnection: they count up within an attempt of a node."""
        if event["type"] != "log.line":
            return True
        path = event.get("node_id", "")
        place = (event["data"]["attempt"], event["data"]["n"])
        if place <= self._lines.get(path, (0, -1)):
            return False
        self._lines[path] = place
        return True

    def _given_up(self, error: httpx.TransportError | _BusyError) -> Exception:
        if isinstance(error, _BusyError):
            return error.answer
        return UnreachableError(self._url.partition("/v1/")[0], str(error) or type(error).__name__)


class _EndedError(Exception):
    """The server has nothing more to tell."""


class _BusyError(Exception):
    """The server cannot serve now."""

    def __init__(self, answer: Exception) -> None:
        super().__init__(str(answer))
        self.answer = answer


def parse(lines: Iterable[str]) -> Iterator[tuple[str, Event]]:
    """The id and the JSON of each frame; comments and frames that broke off are left out."""
    position, data = "", ""
    for line in lines:
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        if name == "id":
            position = value
        elif name == "data":
            data = value
        elif not line and data:
            yield position, json.loads(data)
            data = ""
