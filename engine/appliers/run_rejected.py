"""What `RunRejected` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import REJECTED

if TYPE_CHECKING:
    from engine.events import RunRejected
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunRejected) -> None:
    """The run ended."""
    run.edit_header().status = REJECTED
