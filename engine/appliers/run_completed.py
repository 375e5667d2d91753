"""What `RunCompleted` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import COMPLETED

if TYPE_CHECKING:
    from engine.events import RunCompleted
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunCompleted) -> None:
    """The run ended."""
    run.edit_header().status = COMPLETED
