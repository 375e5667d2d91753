"""The state of a run: records, their read-only and mutable faces, and one run over a key-value store."""

from engine.state.records import Box, NodeState, RunHeader, Signals, Stored
from engine.state.run_state import RunState
from engine.state.status import ENDED, NodeStatus
from engine.state.views import GraphSource, KeyValue, MutableRun, RunView

__all__ = [
    "ENDED",
    "Box",
    "GraphSource",
    "KeyValue",
    "MutableRun",
    "NodeState",
    "NodeStatus",
    "RunHeader",
    "RunState",
    "RunView",
    "Signals",
    "Stored",
]
