"""What `RunDeferred` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.events import RunDeferred
    from engine.state import MutableRun


def apply(run: MutableRun, event: RunDeferred) -> None:
    """Keep the steps behind those that are kept already."""
    header = run.edit_header()
    run.put_steps(header.tail, event.steps)
    header.tail += 1
