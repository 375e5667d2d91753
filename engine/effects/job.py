"""`Job`: work for a runner."""

from __future__ import annotations

import msgspec

from engine.ids import job_id
from engine.payload import Payload


class ScopeEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One name that the job's expressions may read; with `index`, element `index` of the payload's list.

    Names are `inputs`, `nodes.ID` (that node's output), `output`, `item`, `index`, `iteration`, `error`.
    """

    name: str
    payload: Payload
    index: int | None = None


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """One attempt of one node instance, self-contained: a runner needs no graph to do it.

    `kind` is `function`, `http`, `evaluate` or `gather`.

    - With `inputs`, the input is ready: the arguments of a `function`, the rendered config of an `http` node.
    - With `template`, it is that JSON (bytes) with `${expressions}` over `scope`, rendered by the runner:
      some of the scope lies in the CAS.
    - With neither, it is an object of the outputs of the upstream nodes, `{"ID": output}`, taken from the
      scope entries named `nodes.ID`.
    - An `evaluate` job runs `engine.operations.evaluate(operation, template, scope)`.
      Of the operation `items` the coordinator is told `{count, sha256, size}`; the list itself is in the CAS.
    - A `gather` job puts its scope entries together into one list, in order: the elements of an entry named
      `list`, and an entry named `element` as it is.

    Times are Unix ms; `timeout_ms` is start-to-close.
    """

    workspace: str
    run_id: str
    path: str
    attempt: int
    kind: str
    created_at: int
    function: str | None = None
    operation: str | None = None
    inputs: Payload | None = None
    template: bytes | None = None
    scope: list[ScopeEntry] = []
    timeout_ms: int | None = None
    priority: str = "medium"
    queue: str = "default"

    @property
    def id(self) -> str:
        """`RUN/PATH/ATTEMPT`: the record's key."""
        return job_id(self.run_id, self.path, self.attempt)
