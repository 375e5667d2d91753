"""The workflow as its author wrote it, parsed."""

from __future__ import annotations

from typing import Any

import msgspec

JsonObject = dict[str, Any]
InputsSchema = JsonObject | bool | None
"""The JSON Schema of a run's inputs; None takes anything."""


class Retry(msgspec.Struct, frozen=True):
    """How often and how soon a node is tried again: exponential backoff, times in ms."""

    max_attempts: int = 1
    backoff_ms: int = 1000
    backoff_multiplier: float = 2.0
    max_backoff_ms: int = 60_000
    non_retryable: list[str] = []

    def delay_ms(self, attempt: int) -> int:
        """How long to wait after attempt `attempt` (from 1) failed."""
        # A power would overflow for a large attempt number; the ceiling is met long before that.
        delay = float(self.backoff_ms)
        for _ in range(attempt - 1):
            if delay >= self.max_backoff_ms:
                break
            delay *= self.backoff_multiplier
        return int(min(delay, self.max_backoff_ms))


class Count(msgspec.Struct, frozen=True):
    """Join after `count` taken edges."""

    count: int


class Goto(msgspec.Struct, frozen=True):
    """On failure go on with the node `goto`."""

    goto: str


class InnerNode(msgspec.Struct, frozen=True, kw_only=True):
    """What a map does for each item, or a loop for each iteration: a node without a place in the graph."""

    type: str
    config: JsonObject = {}
    name: str | None = None
    retry: Retry = Retry()
    timeout_ms: int | None = None
    priority: str | None = None
    queue: str | None = None
    metadata: JsonObject = {}


class Node(InnerNode, frozen=True, kw_only=True):
    """A node of the graph."""

    id: str
    join: str | Count = "all"
    cache: str = "off"
    on_error: str | Goto = "fail"
    compensate: str | None = None


class Edge(msgspec.Struct, frozen=True, rename={"source": "from", "target": "to"}):
    """From `source` to `target`, taken when `condition` holds; `if` and `else` have their own meaning."""

    source: str
    target: str
    condition: str | None = None


class Workflow(msgspec.Struct, frozen=True, kw_only=True):
    """A definition. `inputs` is a JSON Schema."""

    name: str
    nodes: list[Node]
    edges: list[Edge] = []
    version: str | int | None = None
    description: str | None = None
    metadata: JsonObject = {}
    inputs: InputsSchema = None
    policy: JsonObject | None = None
