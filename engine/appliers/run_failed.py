"""What `RunFailed` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.state.status import FAILED

if TYPE_CHECKING:
    from engine.events import RunFailed
    from engine.state import MutableRun


def apply(run: MutableRun, _event: RunFailed) -> None:
    """The run ended."""
    run.edit_header().status = FAILED
