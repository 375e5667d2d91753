"""What the read model answers with. Times are Unix ms; JSON stays undecoded."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from engine.payload import Payload, Ref

if TYPE_CHECKING:
    from collections.abc import Mapping

Row = TypeVar("Row")

_refs = msgspec.json.Decoder(Ref)


class InvalidCursor(ValueError):  # noqa: N818 (an answer to a caller)
    """`after` is no cursor that a page ended with."""


class Page(msgspec.Struct, Generic[Row], frozen=True):
    """Some rows, and the `after` of the next page (None: this was the last)."""

    items: list[Row]
    next: str | None = None


class RunRow(msgspec.Struct, frozen=True, kw_only=True):
    """A run. `stopping` is None, `cancelling` or `failing`; `created_at` is when the start was asked for."""

    run_id: str
    workspace: str
    workflow: str | None
    version: int | None
    graph: str | None
    graph_rev: int
    status: str
    stopping: str | None
    key: str | None
    priority: str | None
    author: str
    command_id: str
    parent_run_id: str | None
    parent_path: str | None
    inputs: Payload | None
    output: Payload | None
    error: msgspec.Raw | None
    created_at: int
    started_at: int | None
    ended_at: int | None
    last_seq: int


class NodeRow(msgspec.Struct, frozen=True, kw_only=True):
    """A node instance as its last event left it; `started_at` is its last attempt's. Skipped: attempt 0."""

    path: str
    node_type: str | None
    status: str
    attempt: int
    started_at: int | None
    ended_at: int | None
    output: Payload | None
    error: msgspec.Raw | None
    child_run_id: str | None
    updated_seq: int


class TimelineEvent(msgspec.Struct, frozen=True, omit_defaults=True):
    """Event `seq` of a run; `data` is the event itself, as the coordinator encoded it."""

    seq: int
    type: str
    at: int
    data: msgspec.Raw
    node_id: str | None = None


class ArtifactRow(msgspec.Struct, frozen=True):
    """A blob that a run of the workspace refers to."""

    sha256: str
    size: int
    media_type: str
    first_run_id: str


class WorkflowRow(msgspec.Struct, frozen=True, kw_only=True):
    """A workflow and where its tags point."""

    name: str
    latest_version: int
    tags: dict[str, int]
    created_at: int
    updated_at: int


class VersionRow(msgspec.Struct, frozen=True, kw_only=True):
    """A version of a workflow; `definition` is None when it is in the content-addressed store alone."""

    name: str
    version: int
    definition_hash: str
    definition: msgspec.Raw | None
    author: str
    created_at: int


def run_row(columns: Mapping[str, Any]) -> RunRow:
    """A run of its columns."""
    return RunRow(**_with_payloads(columns, RunRow, "inputs", "output"))


def node_row(columns: Mapping[str, Any]) -> NodeRow:
    """A node of its columns."""
    return NodeRow(**_with_payloads(columns, NodeRow, "output"))


def raw(text: bytes | None) -> msgspec.Raw | None:
    """JSON of a column."""
    return None if text is None else msgspec.Raw(text)


def _with_payloads(columns: Mapping[str, Any], kind: type[msgspec.Struct], *payloads: str) -> dict[str, Any]:
    values = {name: columns[name] for name in kind.__struct_fields__}
    values["error"] = raw(columns["error"])
    for name in payloads:
        values[name] = _payload(columns[name], columns[f"{name}_ref"])
    return values


def _payload(text: bytes | None, ref: bytes | None) -> Payload | None:
    if ref is not None:
        return Payload(ref=_refs.decode(ref))
    return None if text is None else Payload(json=msgspec.Raw(text))


_CURSOR = re.compile(r"(?P<created>\d{1,18})\.(?P<run_id>[A-Za-z0-9_-]{1,64})")


def run_cursor(run: RunRow) -> str:
    """The `after` of what comes behind a run in the list."""
    return f"{run.created_at}.{run.run_id}"


def read_run_cursor(text: str) -> tuple[int, str]:
    """Creation time and run id of a cursor; InvalidCursor."""
    match = _CURSOR.fullmatch(text)
    if match is None:
        raise InvalidCursor(f"{text[:100]!r} is no cursor: use the `next` of a page")
    return int(match["created"]), match["run_id"]
