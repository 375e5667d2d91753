"""How a run, its nodes and its timeline look from outside. Times are Unix ms."""

from __future__ import annotations

import msgspec

from engine.payload import Payload, Ref
from storage.postgres.rows import NodeRow, RunRow, TimelineEvent


class NodeView(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A node instance: `id` is its path (`fetch`, item 3 of a map `each[3]`, iteration 2 of a loop `poll#2`).

    Its output is in `output`, or when it is large in the artifact that `artifact` names.
    """

    id: str
    status: str
    attempt: int
    type: str | None = None
    started_at: int | None = None
    ended_at: int | None = None
    output: msgspec.Raw | None = None
    artifact: Ref | None = None
    error: msgspec.Raw | None = None
    child_run_id: str | None = None


class RunSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A run in a list. `version` is absent when the run brought its own definition."""

    run_id: str
    status: str
    workflow: str | None = None
    version: int | None = None
    key: str | None = None
    priority: str | None = None
    author: str | None = None
    parent_run_id: str | None = None
    created_at: int | None = None
    started_at: int | None = None
    ended_at: int | None = None


class RunView(RunSummary, frozen=True, kw_only=True, omit_defaults=True):
    """A run with its nodes; `nodes_next` is the `nodes_after` of the next page of them."""

    nodes: list[NodeView]
    graph: str | None = None
    graph_rev: int | None = None
    stopping: str | None = None
    inputs: msgspec.Raw | None = None
    inputs_artifact: Ref | None = None
    output: msgspec.Raw | None = None
    artifact: Ref | None = None
    error: msgspec.Raw | None = None
    last_seq: int | None = None
    nodes_next: str | None = None


class RunPage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Runs, the newest first; `next` is the `after` of the next page."""

    runs: list[RunSummary]
    next: str | None = None


class Timeline(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Events of a run, oldest first; `next` is the `after` of the next page, absent at the end so far."""

    events: list[TimelineEvent]
    next: int | None = None


def run_summary(run: RunRow) -> RunSummary:
    """A run as lists show it."""
    return RunSummary(**{name: getattr(run, name) for name in RunSummary.__struct_fields__})


def run_view(run: RunRow, nodes: list[NodeRow], nodes_next: str | None) -> RunView:
    """A run as it is shown alone."""
    inputs, inputs_artifact = _parts(run.inputs)
    output, artifact = _parts(run.output)
    return RunView(
        **msgspec.structs.asdict(run_summary(run)),
        nodes=[node_view(node) for node in nodes],
        nodes_next=nodes_next,
        graph=run.graph,
        graph_rev=run.graph_rev,
        stopping=run.stopping,
        inputs=inputs,
        inputs_artifact=inputs_artifact,
        output=output,
        artifact=artifact,
        error=run.error,
        last_seq=run.last_seq,
    )


def node_view(node: NodeRow) -> NodeView:
    """A node instance as it is shown."""
    output, artifact = _parts(node.output)
    return NodeView(
        id=node.path,
        status=node.status,
        attempt=node.attempt,
        type=node.node_type,
        started_at=node.started_at,
        ended_at=node.ended_at,
        output=output,
        artifact=artifact,
        error=node.error,
        child_run_id=node.child_run_id,
    )


def _parts(payload: Payload | None) -> tuple[msgspec.Raw | None, Ref | None]:
    if payload is None:
        return None, None
    return (None, payload.ref) if payload.ref is not None else (payload.raw, None)
