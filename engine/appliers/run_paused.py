"""What `RunPaused` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import PAUSED

if TYPE_CHECKING:
    from engine.events import RunPaused
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunPaused) -> None:
    """Facts are recorded from now on, and nothing is dispatched."""
    run.edit_header().status = PAUSED
