"""What `RunResumed` changes."""

from __future__ import annotations

from engine.events import RunResumed
from engine.state import MutableRun
from engine.state.status import RUNNING


def apply(run: MutableRun, _event: RunResumed) -> None:
    """The deferred steps are due."""
    run.edit_header().status = RUNNING
