"""The graph as the engine runs it (IR): indices instead of names, compiled expressions, counted edges."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from engine.model import JsonObject, Retry
    from engine.operations import Operation

EdgeKind = Literal["normal", "error", "break", "timeout"]
"""The author writes `normal` edges; the others come of `on_error: {goto}`, `break_path`, `timeout_path`."""


RETRIED = frozenset({"function", "http", "composite"})
"""Types of nodes whose attempts a `retry` repeats."""


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge to node `target`. `condition` is None (always), `if`, `else` or `cel`."""

    target: int
    kind: EdgeKind
    condition: Literal["if", "else", "cel"] | None


@dataclass(frozen=True, slots=True)
class Body:
    """What is done with an input: for a node itself, an item of a map or an iteration of a loop.

    `work` computes the input (None: the outputs of the upstream nodes). `child` is how a child run's
    definition is named in the run's `children`.
    """

    type: str
    work: Operation | None
    config: JsonObject
    retry: Retry
    timeout_ms: int | None
    priority: str | None
    queue: str
    function: str | None = None
    child: str | None = None


@dataclass(slots=True)
class GraphNode:
    """A node with its place. `joins` is how many taken edges it waits for: 0 all, 1 any, n count."""

    index: int
    id: str
    body: Body
    joins: int = 0
    counted: bool = False
    in_degree: int = 0
    upstream: list[tuple[int, int]] = field(default_factory=list)
    """(source node, position of the edge among the source's outgoing edges), in the edges' order."""
    out: list[GraphEdge] = field(default_factory=list)
    routes: Operation | None = None
    """The `edges` operation over the CEL conditions of `out`, when there are any."""
    plain: bool = True
    """Every outgoing edge is normal and without a condition."""
    inner: Body | None = None
    condition: Operation | None = None
    """Of a loop: go on while it holds."""
    max_iterations: int = 0
    max_concurrency: int = 100
    collect_errors: bool = False
    on_error: Literal["fail", "skip", "goto"] = "fail"
    compensate: int | None = None
    detached: bool = False
    """Not in the flow: runs only as a compensation."""


@dataclass(frozen=True, slots=True)
class Graph:
    """A compiled definition. `hash` is that of its canonical JSON."""

    hash: str
    name: str
    nodes: list[GraphNode]
    by_id: dict[str, int]
    starts: list[int]
    terminals: list[int]
    inputs: JsonObject | bool | None
    """The JSON Schema of a run's inputs."""
    queues: frozenset[str]
    children: dict[str, bytes | None]
    """How a child definition is named -> its JSON when it stands in this definition, else None."""

    def node(self, node_id: str) -> GraphNode:
        """The node of that id; KeyError if there is none."""
        return self.nodes[self.by_id[node_id]]
