"""What `RunFailing` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import RUNNING

if TYPE_CHECKING:
    from engine.events import RunFailing
    from engine.state import MutableRun


def apply(run: MutableRun, event: RunFailing) -> None:
    """Nothing new begins; the run will end with this error. A pause ends with it."""
    header = run.edit_header()
    header.stopping, header.error, header.status = "failing", event.error, RUNNING
