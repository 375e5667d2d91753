"""What `RunContinued` changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.events import RunContinued
    from engine.state import MutableRun


def apply(run: MutableRun, event: RunContinued) -> None:
    """The chunk's steps are being taken: forget them."""
    run.drop_steps(event.chunk)
    run.edit_header().head = event.chunk + 1
