"""`Client`: the HTTP API and the live feed, for Python."""

from __future__ import annotations

import json
import ssl
import time
from typing import TYPE_CHECKING, Any, Self, cast
from urllib.parse import quote

import httpx

from aob.connection import Connection, find_connection
from aob.feed import FeedReader
from aob.shapes import ENDED
from aob.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import TracebackType

    from aob.shapes import (
        BatchAnswer,
        Event,
        EventPage,
        OnConflict,
        Priority,
        Run,
        RunPage,
        StartRequest,
        WorkflowPage,
        WorkflowVersion,
        WorkflowView,
    )

_CONNECT_TIMEOUT_S = 5.0
_WAIT_SLACK_S = 15.0
_PATIENCE_S = 60.0
_PROJECTION_S = 0.02
_NO_NODE = "-"
"""Filters a feed down to the run's last event."""


class Client:
    """A client of one workspace; use it as a context manager, or `close` it. Safe to share between threads.

    Args:
        connection: Where to and with which key; else what the environment, or a running `aob dev`, says.
        timeout_s: Longest silence of the server in seconds (beyond what a call itself waits for).
        attempts: How often a call that may be repeated is tried when the server does not answer.
        transport: Another way to send requests, for tests.

    Every call raises ApiError when the api refuses, UnreachableError when nobody answers.
    """

    def __init__(
        self,
        connection: Connection | None = None,
        *,
        timeout_s: float = 30.0,
        attempts: int = 4,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self.connection = connection or find_connection()
        self._http = httpx.Client(
            headers={"authorization": f"Bearer {self.connection.api_key}"},
            timeout=httpx.Timeout(timeout_s, connect=_CONNECT_TIMEOUT_S),
            transport=transport,
            verify=_verify(self.connection),
        )
        self._api = Transport(self._http, self.connection.api_url, attempts=attempts)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def upload_workflow(
        self, definition: Mapping[str, Any] | bytes, *, name: str | None = None, tag: str | None = None
    ) -> WorkflowVersion:
        """Make a new version of a workflow, unless its newest is the same; `tag` (`main`) moves to it.

        `definition` is a dict or JSON text; bytes need the `name`.
        """
        name = name or str(cast("Mapping[str, Any]", definition)["name"])
        answer = self._api.call("PUT", f"/v1/workflows/{_part(name)}", body=definition, params={"tag": tag})
        return cast("WorkflowVersion", answer)

    def validate_workflow(self, definition: Mapping[str, Any] | bytes) -> dict[str, Any]:
        """Check a definition as an upload would, and change nothing; ApiError points at each fault."""
        answer = self._api.call("POST", "/v1/workflows/validate", body=definition, repeatable=True)
        return cast("dict[str, Any]", answer)

    def list_workflows(self, *, after: str | None = None, limit: int | None = None) -> WorkflowPage:
        """One page of workflows, by name."""
        answer = self._api.call("GET", "/v1/workflows", params={"after": after, "limit": limit})
        return cast("WorkflowPage", answer)

    def get_workflow(self, name: str, *, tag: str | None = None, version: int | None = None) -> WorkflowView:
        """A workflow, with the definition of a version or a tag (else of `main`)."""
        path = f"/v1/workflows/{_part(name)}"
        return cast("WorkflowView", self._api.call("GET", path, params={"tag": tag, "version": version}))

    def tag_workflow(self, name: str, tag: str, version: int) -> WorkflowVersion:
        """Point a tag at an existing version."""
        path = f"/v1/workflows/{_part(name)}/tags/{_part(tag)}"
        return cast("WorkflowVersion", self._api.call("PUT", path, body={"version": version}))

    def start(  # noqa: PLR0913 (a start has that many optional parts)
        self,
        workflow: str | None = None,
        *,
        definition: Mapping[str, Any] | None = None,
        inputs: object = None,
        tag: str | None = None,
        version: int | None = None,
        key: str | None = None,
        priority: Priority | None = None,
        on_conflict: OnConflict | None = None,
        idempotency_key: str | None = None,
        wait_s: float | None = None,
    ) -> Run:
        """Start a run of a `workflow` by name, or of a `definition`.

        Returns the accepted run, or with `wait_s` (60 at most) the finished one if it ends in time. With an
        `idempotency_key` the call is repeated when its answer is lost, and still starts one run.
        """
        body = {
            "workflow": workflow,
            "definition": definition,
            "inputs": {} if inputs is None else inputs,
            "tag": tag,
            "version": version,
            "key": key,
            "priority": priority,
            "on_conflict": on_conflict,
        }
        answer = self._api.call(
            "POST",
            "/v1/runs",
            body={name: value for name, value in body.items() if value is not None},
            params={"wait": wait_s},
            headers={} if idempotency_key is None else {"idempotency-key": idempotency_key},
            repeatable=idempotency_key is not None,
            read_timeout_s=None if wait_s is None else wait_s + _WAIT_SLACK_S,
        )
        return cast("Run", answer)

    def start_batch(self, runs: Sequence[StartRequest]) -> BatchAnswer:
        """Start up to 1,000 runs; each is accepted or refused on its own."""
        return cast("BatchAnswer", self._api.call("POST", "/v1/runs/batch", body={"runs": list(runs)}))

    def get_run(self, run_id: str) -> Run:
        """A run with its nodes, as the projection shows it (a moment behind the live feed)."""
        return cast("Run", self._api.call("GET", f"/v1/runs/{_part(run_id)}"))

    def list_runs(
        self,
        *,
        status: str | None = None,
        workflow: str | None = None,
        after: str | None = None,
        limit: int | None = None,
    ) -> RunPage:
        """One page of runs, newest first."""
        params = {"status": status, "workflow": workflow, "after": after, "limit": limit}
        return cast("RunPage", self._api.call("GET", "/v1/runs", params=params))

    def timeline(self, run_id: str, *, after: int = 0, limit: int | None = None) -> EventPage:
        """One page of a run's events behind number `after`, oldest first."""
        path = f"/v1/runs/{_part(run_id)}/timeline"
        return cast("EventPage", self._api.call("GET", path, params={"after": after, "limit": limit}))

    def cancel(self, run_id: str, *, reason: str | None = None) -> dict[str, Any]:
        """Ask to cancel a run; compensations run. The outcome is in the run's log."""
        return self._tell(run_id, "cancel", reason)

    def pause(self, run_id: str, *, reason: str | None = None) -> dict[str, Any]:
        """Ask to dispatch nothing more until the run is resumed."""
        return self._tell(run_id, "pause", reason)

    def resume(self, run_id: str, *, reason: str | None = None) -> dict[str, Any]:
        """Ask to go on with a paused run."""
        return self._tell(run_id, "resume", reason)

    def signal(self, run_id: str, name: str, payload: object = None) -> dict[str, Any]:
        """Deliver a named signal to the run's `wait` nodes."""
        path = f"/v1/runs/{_part(run_id)}/signals/{_part(name)}"
        return cast("dict[str, Any]", self._api.call("POST", path, body=json.dumps(payload).encode()))

    def stream(
        self, run_id: str, *, after: int = 0, node: str | None = None, patience_s: float = _PATIENCE_S
    ) -> Iterator[Event]:
        """Events and log lines of a run as they happen, behind number `after`, until its last event.

        A connection that breaks is taken up again for `patience_s` seconds, without hole or duplicate. `node`
        leaves a node's (or an instance's) events, and the run's last one.
        """
        url = f"{self.connection.fanout_url}/v1/runs/{_part(run_id)}/events"
        return FeedReader(self._http, url, patience_s=patience_s, node=node).events(after)

    def wait(self, run_id: str) -> Run:
        """The finished run, as soon as it has ended: by the live feed, not by polling."""
        for _ in self.stream(run_id, node=_NO_NODE):
            pass
        # The projection may be a moment behind the feed.
        while (run := self.get_run(run_id))["status"] not in ENDED:
            time.sleep(_PROJECTION_S)
        return run

    def _tell(self, run_id: str, what: str, reason: str | None) -> dict[str, Any]:
        body = {} if reason is None else {"reason": reason}
        answer = self._api.call("POST", f"/v1/runs/{_part(run_id)}/{what}", body=body, repeatable=True)
        return cast("dict[str, Any]", answer)


def _verify(connection: Connection) -> ssl.SSLContext | bool:
    """Without TLS the root certificates are not loaded, which takes longer than a call."""
    plain = all(url.startswith("http://") for url in (connection.api_url, connection.fanout_url))
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT) if plain else True


def _part(text: str) -> str:
    return quote(text, safe="")
