"""What `RunResumed` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import RUNNING

if TYPE_CHECKING:
    from engine.events import RunResumed
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunResumed) -> None:
    """The deferred steps are due."""
    run.edit_header().status = RUNNING
