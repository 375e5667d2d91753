"""What `RunStarted` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.events import RunStarted
    from engine.state import MutableRun


def apply(run: MutableRun, event: RunStarted) -> None:
    """The run exists."""
    header = run.edit_header()
    header.graph = event.graph
    header.decide_version = event.decide_version
    header.priority = event.priority or header.priority
    run.set_start(event)
