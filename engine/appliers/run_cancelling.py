"""What `RunCancelling` changes."""

from __future__ import annotations

from engine.events import RunCancelling
from engine.state import MutableRun
from engine.state.status import RUNNING


def apply(run: MutableRun, event: RunCancelling) -> None:
    """Nothing new begins; a pause ends with it."""
    header = run.edit_header()
    header.stopping, header.reason, header.status = "cancelling", event.reason, RUNNING
