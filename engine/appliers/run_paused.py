"""What `RunPaused` changes."""

from __future__ import annotations

from engine.events import RunPaused
from engine.state import MutableRun
from engine.state.status import PAUSED


def apply(run: MutableRun, _event: RunPaused) -> None:
    """Facts are recorded from now on, and nothing is dispatched."""
    run.edit_header().status = PAUSED
