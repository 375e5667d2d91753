"""What `RunRejected` changes."""

from __future__ import annotations

from engine.events import RunRejected
from engine.state import MutableRun
from engine.state.status import REJECTED


def apply(run: MutableRun, _event: RunRejected) -> None:
    """The run ended."""
    run.edit_header().status = REJECTED
