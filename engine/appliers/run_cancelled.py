"""What `RunCancelled` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import CANCELLED

if TYPE_CHECKING:
    from engine.events import RunCancelled
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunCancelled) -> None:
    """The run ended."""
    run.edit_header().status = CANCELLED
