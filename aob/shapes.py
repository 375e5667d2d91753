"""Shapes of what the api answers, as type checkers see them; at run time they are plain dicts."""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

Priority = Literal["high", "medium", "low"]
OnConflict = Literal["fail", "return", "cancel"]

ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "REJECTED"})
"""Statuses that a run keeps."""

RUN_ENDS = frozenset({"run.completed", "run.failed", "run.cancelled", "run.rejected"})
"""Types of a run's last event."""


class NodeFailure(TypedDict):
    """Why a node or a run failed."""

    code: str
    message: str
    path: NotRequired[str]


class Artifact(TypedDict):
    """A large value in the content-addressed store."""

    sha256: str
    size: int
    media_type: NotRequired[str]


class NodeState(TypedDict):
    """A node instance of a run."""

    id: str
    status: str
    attempt: int
    type: NotRequired[str]
    started_at: NotRequired[int]
    ended_at: NotRequired[int]
    output: NotRequired[Any]
    artifact: NotRequired[Artifact]
    error: NotRequired[NodeFailure]
    child_run_id: NotRequired[str]


class Run(TypedDict):
    """A run, as far as it is known: one just accepted has `run_id` and `status` only. Times are Unix ms."""

    run_id: str
    status: str
    workflow: NotRequired[str]
    version: NotRequired[int]
    graph_rev: NotRequired[int]
    inputs: NotRequired[Any]
    output: NotRequired[Any]
    artifact: NotRequired[Artifact]
    error: NotRequired[NodeFailure]
    nodes: NotRequired[list[NodeState]]
    nodes_next: NotRequired[str]
    key: NotRequired[str]
    created_at: NotRequired[int]
    started_at: NotRequired[int]
    ended_at: NotRequired[int]


class RunPage(TypedDict):
    """Runs, newest first; `next` is the `after` of the next page."""

    runs: list[Run]
    next: NotRequired[str]


class Event(TypedDict):
    """An event of a run; a log line (`log.line`) has the number of the event before it. `at` is Unix ms."""

    seq: int
    type: str
    run_id: NotRequired[str]
    node_id: NotRequired[str]
    at: int
    data: dict[str, Any]


class EventPage(TypedDict):
    """Events, oldest first; `next` is the `after` of the next page."""

    events: list[Event]
    next: NotRequired[int]


class WorkflowVersion(TypedDict):
    """A version of a workflow, and the tag that points at it."""

    name: str
    version: int
    hash: str
    tag: str


class WorkflowSummary(TypedDict):
    """A workflow with versions 1 to `versions`."""

    name: str
    versions: int
    tags: dict[str, int]


class WorkflowPage(TypedDict):
    """Workflows by name; `next` is the `after` of the next page."""

    workflows: list[WorkflowSummary]
    next: NotRequired[str]


class WorkflowView(TypedDict):
    """A workflow with the definition of one version."""

    name: str
    version: int
    hash: str
    versions: list[dict[str, Any]]
    tags: dict[str, int]
    definition: dict[str, Any]


class BatchResult(TypedDict):
    """What became of one start: 202 with a run, or a status and a problem."""

    status: int
    run: NotRequired[Run]
    problem: NotRequired[dict[str, Any]]


class BatchAnswer(TypedDict):
    """One result a start, in the order of the request."""

    accepted: int
    refused: int
    results: list[BatchResult]


class StartRequest(TypedDict, total=False):
    """One start of a batch, in the fields of `POST /v1/runs`."""

    workflow: str
    definition: dict[str, Any]
    tag: str
    version: int
    inputs: Any
    key: str
    priority: Priority
    on_conflict: OnConflict
    idempotency_key: str
