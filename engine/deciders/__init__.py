"""Deciders: what follows from each fact."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from engine import facts
from engine.deciders import (
    cancel_requested,
    child_ended,
    job_failed,
    job_started,
    job_succeeded,
    pause_requested,
    resume_requested,
    run_admitted,
    run_refused,
    signal_received,
    timer_fired,
    work_continued,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.flow.turn import Turn

DECIDERS: Final[dict[type, Callable[[Turn, Any], None]]] = {
    facts.CancelRequested: cancel_requested.decide,
    facts.ChildEnded: child_ended.decide,
    facts.JobFailed: job_failed.decide,
    facts.JobStarted: job_started.decide,
    facts.JobSucceeded: job_succeeded.decide,
    facts.PauseRequested: pause_requested.decide,
    facts.ResumeRequested: resume_requested.decide,
    facts.RunAdmitted: run_admitted.decide,
    facts.RunRefused: run_refused.decide,
    facts.SignalReceived: signal_received.decide,
    facts.TimerFired: timer_fired.decide,
    facts.WorkContinued: work_continued.decide,
}
