"""What `RunCancelled` changes."""

from __future__ import annotations

from engine.events import RunCancelled
from engine.state import MutableRun
from engine.state.status import CANCELLED


def apply(run: MutableRun, _event: RunCancelled) -> None:
    """The run ended."""
    run.edit_header().status = CANCELLED
