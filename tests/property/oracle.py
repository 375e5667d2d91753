"""What the nodes of a run should have done, worked out once more in the plainest way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from engine.events import (
    Event,
    NodeFailed,
    NodeRouted,
    NodeScheduled,
    NodeSkipped,
    NodeStarted,
    NodeSucceeded,
)
from tests.property.workflows import ways_into
from tests.support.machine import path_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.payload import Payload

Json = dict[str, Any]
BEYOND = "inputs.xs[3] > 4"
"""A condition that cannot be evaluated when the list is shorter."""

OVER_INPUTS: dict[str, Callable[[Json], bool]] = {
    "size(inputs.pad) > 9": lambda inputs: len(inputs["pad"]) > 9,
    BEYOND: lambda inputs: inputs["xs"][3] > 4,
}
"""What such conditions mean."""


@dataclass
class Seen:
    """What the events tell of one node."""

    began: bool = False
    succeeded: bool = False
    left_by_time_out: bool = False
    output: object = None
    failed: bool = False
    handled: bool = False
    unsatisfiable: bool = False
    skipped: bool = False
    skipped_by_error: bool = False

    @property
    def verdict(self) -> str:
        if self.unsatisfiable:
            return "unsatisfiable"
        if self.skipped:
            return "skips"
        return "runs" if self.began or self.succeeded or self.failed or self.skipped_by_error else "nothing"


def observe(workflow: Json, events: list[Event], value: Callable[[Payload], object]) -> dict[str, Seen]:
    """Gather what the events tell of the nodes of the graph."""
    seen = {node["id"]: Seen() for node in workflow["nodes"]}
    exits = {node["id"]: len(node["config"].get("timeout_path", [])) for node in workflow["nodes"]}
    for event in events:
        base = path_of(event).partition("$")[0]
        if base not in seen:
            continue
        node = seen[base]
        match event:
            case NodeScheduled() | NodeStarted():
                node.began = True
            case NodeSucceeded(path=path) if path == base:
                node.succeeded, node.output = True, value(event.output)
                node.left_by_time_out = exits[base] > 0 and any(event.edges[-exits[base] :])
            case NodeRouted(start=0):
                node.left_by_time_out = exits[base] > 0 and any(event.edges[-exits[base] :])
            case NodeFailed(path=path) if path == base:
                node.failed, node.handled = True, event.handled
                node.unsatisfiable = event.error.code == "JOIN_UNSATISFIABLE"
            case NodeSkipped():
                node.unsatisfiable = event.error is not None and event.error.code == "JOIN_UNSATISFIABLE"
                node.skipped_by_error = event.error is not None
                node.skipped = event.error is None
    return seen


def expected(workflow: Json, inputs: Json, seen: dict[str, Seen]) -> dict[str, str]:
    """`runs`, `skips`, `unsatisfiable` or `open` of each node, from what the nodes before it did."""
    ways = ways_into(workflow)
    verdicts: dict[str, str] = {}
    for node in workflow["nodes"]:
        edges = [
            _edge(workflow, inputs, (source, kind, condition), verdicts[source], seen[source])
            for source, kind, condition in ways[node["id"]]
        ]
        verdicts[node["id"]] = _verdict(node.get("join", "all"), edges)
    return verdicts


def _verdict(join: object, edges: list[bool | None]) -> str:
    """What a join makes of its edges: taken, dead, or None while undecided."""
    if not edges:
        return "runs"
    if all(edge is False for edge in edges):
        return "skips"
    taken, dead = edges.count(True), edges.count(False)
    if join == "all":
        return "open" if None in edges else "runs"
    needed = join["count"] if isinstance(join, dict) else 1
    if taken >= needed:
        return "runs"
    return "unsatisfiable" if taken and len(edges) - dead < needed else "open"


def _edge(
    workflow: Json, inputs: Json, way: tuple[str, str, str | None], verdict: str, source: Seen
) -> bool | None:
    name, kind, condition = way
    if verdict == "skips" or source.skipped_by_error:
        return False
    if source.failed and source.handled:
        return kind == "error"
    if verdict == "open" or source.failed or not source.succeeded:
        return None
    if not source.left_by_time_out and _is_broken(workflow, inputs, name):
        on_error = next(node for node in workflow["nodes"] if node["id"] == name).get("on_error", "fail")
        return None if on_error == "fail" else kind == "error"
    if kind != "normal":
        return kind == ("timeout" if source.left_by_time_out else "break")
    return not source.left_by_time_out and _holds(workflow, inputs, name, condition, source)


def _is_broken(workflow: Json, inputs: Json, name: str) -> bool:
    """Whether a condition behind the node reads what is not there, so that none is worth anything."""
    conditions = [edge.get("condition") for edge in workflow["edges"] if edge["from"] == name]
    return BEYOND in conditions and len(inputs["xs"]) <= 3


def _holds(workflow: Json, inputs: Json, name: str, condition: str | None, source: Seen) -> bool:
    if condition is None:
        return True
    if condition == "if":
        return source.output is True
    if condition in OVER_INPUTS:
        return OVER_INPUTS[condition](inputs)
    if condition.startswith("inputs."):
        return bool(inputs[condition.removeprefix("inputs.")])
    if condition == "output.ok":
        return isinstance(source.output, dict) and source.output["ok"] is True
    siblings = [edge.get("condition") for edge in workflow["edges"] if edge["from"] == name]
    return not any(
        _holds(workflow, inputs, name, sibling, source)
        for sibling in siblings
        if sibling not in {None, "else"}
    )
