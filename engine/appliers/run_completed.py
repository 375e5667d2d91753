"""What `RunCompleted` changes."""

from __future__ import annotations

from engine.events import RunCompleted
from engine.state import MutableRun
from engine.state.status import COMPLETED


def apply(run: MutableRun, _event: RunCompleted) -> None:
    """The run ended."""
    run.edit_header().status = COMPLETED
