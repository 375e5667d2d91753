"""What `RunFailed` changes."""

from __future__ import annotations

from engine.events import RunFailed
from engine.state import MutableRun
from engine.state.status import FAILED


def apply(run: MutableRun, _event: RunFailed) -> None:
    """The run ended."""
    run.edit_header().status = FAILED
