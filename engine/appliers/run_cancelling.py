"""What `RunCancelling` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import RUNNING

if TYPE_CHECKING:
    from engine.events import RunCancelling
    from engine.state import MutableRun


def apply(run: MutableRun, event: RunCancelling) -> None:
    """Nothing new begins; a pause ends with it."""
    header = run.edit_header()
    header.stopping, header.reason, header.status = "cancelling", event.reason, RUNNING
