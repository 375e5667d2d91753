"""Appliers: what each event changes. `apply` alone changes the state of a run, live and in replay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine import events
from engine.appliers import (
    node_cancelled,
    node_failed,
    node_retrying,
    node_routed,
    node_scheduled,
    node_skipped,
    node_started,
    node_succeeded,
    run_cancelled,
    run_cancelling,
    run_completed,
    run_continued,
    run_deferred,
    run_failed,
    run_failing,
    run_paused,
    run_rejected,
    run_resumed,
    run_started,
    signal_delivered,
)
from engine.state import MutableRun, RunHeader

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.events import Event

APPLIERS: Final[dict[type, Callable[[MutableRun, Any], None]]] = {
    events.NodeCancelled: node_cancelled.apply,
    events.NodeFailed: node_failed.apply,
    events.NodeRetrying: node_retrying.apply,
    events.NodeRouted: node_routed.apply,
    events.NodeScheduled: node_scheduled.apply,
    events.NodeSkipped: node_skipped.apply,
    events.NodeStarted: node_started.apply,
    events.NodeSucceeded: node_succeeded.apply,
    events.RunCancelled: run_cancelled.apply,
    events.RunCancelling: run_cancelling.apply,
    events.RunCompleted: run_completed.apply,
    events.RunContinued: run_continued.apply,
    events.RunDeferred: run_deferred.apply,
    events.RunFailed: run_failed.apply,
    events.RunFailing: run_failing.apply,
    events.RunPaused: run_paused.apply,
    events.RunRejected: run_rejected.apply,
    events.RunResumed: run_resumed.apply,
    events.RunStarted: run_started.apply,
    events.SignalDelivered: signal_delivered.apply,
}


def begin(run: MutableRun, workspace: str, at: int) -> None:
    """What every decision begins with: the run is known, and its time never runs backwards."""
    if not run.known:
        run.create(RunHeader(workspace))
    header = run.edit_header()
    header.at = max(header.at, at)


def apply(run: MutableRun, event: Event) -> None:
    """Number the event and make its change."""
    run.edit_header().seq += 1
    APPLIERS[type(event)](run, event)
