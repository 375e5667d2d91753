"""What is kept of a run, in small keys.

Fields are only ever added at the end, each with a default: so a codec reads what one version older and one
version newer wrote.
"""

from __future__ import annotations

import msgspec

from engine.errors import NodeError
from engine.payload import Payload
from engine.state.status import RUNNING, NodeStatus
from engine.step import Step


class RunHeader(msgspec.Struct, array_like=True):
    """The run itself.

    `active` counts live node instances; `head` and `tail` bound the chunks of deferred steps.
    `stopping` is empty, `failing` or `cancelling`. `at` is the time of the last decision in Unix ms.
    `compensations` holds the nodes to compensate, in order of completion. `signals` names those that are
    kept, `swept_*` is how far the clean-up of an ended run has come.
    """

    workspace: str
    graph: str = ""
    status: str = RUNNING
    seq: int = 0
    at: int = 0
    decide_version: int = 1
    active: int = 0
    head: int = 0
    tail: int = 0
    stopping: str = ""
    error: NodeError | None = None
    reason: str | None = None
    compensations: list[int] = []
    signals: list[str] = []
    swept_node: int = 0
    swept_item: int = 0
    sweeps: int = 0
    priority: str = "medium"


class Box(msgspec.Struct, array_like=True):
    """What a map or a loop knows of its insides, and a wait or a composite of what it waits for.

    Map: items `next` and above are not yet begun; `bytes` and `refs` tell how to gather the outputs; `parts`
    are gathered parts, which hold the items below `covered`. `items` is the reference to the list when the
    coordinator does not hold the items itself.
    """

    total: int = 0
    next: int = 0
    done: int = 0
    live: int = 0
    bytes: int = 0
    refs: int = 0
    items: Payload | None = None
    parts: list[Payload | None] = []
    gathered: int = 0
    child_run_id: str | None = None
    signal: str | None = None
    covered: int = 0


class Stored(msgspec.Struct, array_like=True):
    """Where an output lies too: element `index` of a list in the CAS. Of a job that stores: whose outputs."""

    payload: Payload | None = None
    index: int = 0
    nodes: list[str] = []


class NodeState(msgspec.Struct, array_like=True):
    """A node instance.

    `taken` and `dead` count its decided incoming edges; `edges` are its outgoing ones, taken or not.
    `resolving` holds while a job works out something that it needs before it can begin.
    """

    status: NodeStatus = NodeStatus.PENDING
    attempt: int = 0
    taken: int = 0
    dead: int = 0
    output: Payload | None = None
    error: NodeError | None = None
    edges: list[bool] = []
    resolving: bool = False
    box: Box | None = None
    stored: Stored | None = None


class Signals(msgspec.Struct, array_like=True):
    """One signal name: the waiting nodes, the signals that came too early, the commands seen lately."""

    waiting: list[str] = []
    kept: list[Payload] = []
    seen: list[str] = []


class Steps(msgspec.Struct, array_like=True):
    """A chunk of deferred steps."""

    steps: list[Step]
