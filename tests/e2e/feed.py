"""A reader of the live feed that is none of the product's own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.e2e.stack import Stack


class Frame(NamedTuple):
    """One frame of the stream."""

    id: str
    event: str
    data: dict[str, Any]


def frames(stack: Stack, run_id: str, last_event_id: str | None = None, **parameters: str) -> Iterator[Frame]:
    """The frames of one connection, to its end."""
    headers = {"authorization": f"Bearer {stack.first.api_key}"}
    if last_event_id is not None:
        headers["last-event-id"] = last_event_id
    url = f"{stack.first.fanout_url}/v1/runs/{run_id}/events"
    with httpx.stream("GET", url, headers=headers, params=parameters, timeout=60) as answer:
        if answer.status_code == 204:
            return
        assert answer.status_code == 200, answer.read()
        fields: dict[str, str] = {}
        for line in answer.iter_lines():
            name, _, value = line.partition(": ")
            if name:
                fields[name] = value
            elif "data" in fields:
                yield Frame(fields["id"], fields["event"], json.loads(fields["data"]))
                fields = {}


def numbers(seen: list[Frame]) -> list[int]:
    """Numbers of the events; log lines stand outside their sequence."""
    return [int(frame.id) for frame in seen if frame.event != "log.line"]
