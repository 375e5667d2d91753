"""Facts: what the coordinator decides on, in one order a run (`node.results`). One small file each."""

from engine.facts.cancel_requested import CancelRequested
from engine.facts.child_ended import ChildEnded
from engine.facts.job_failed import JobFailed
from engine.facts.job_started import JobStarted
from engine.facts.job_succeeded import JobSucceeded
from engine.facts.parent import Parent
from engine.facts.pause_requested import PauseRequested
from engine.facts.resume_requested import ResumeRequested
from engine.facts.run_admitted import RunAdmitted
from engine.facts.run_refused import RunRefused
from engine.facts.signal_received import SignalReceived
from engine.facts.timer_fired import TimerFired
from engine.facts.work_continued import WorkContinued

Fact = (
    RunAdmitted
    | RunRefused
    | CancelRequested
    | PauseRequested
    | ResumeRequested
    | SignalReceived
    | JobStarted
    | JobSucceeded
    | JobFailed
    | TimerFired
    | ChildEnded
    | WorkContinued
)

__all__ = [
    "CancelRequested",
    "ChildEnded",
    "Fact",
    "JobFailed",
    "JobStarted",
    "JobSucceeded",
    "Parent",
    "PauseRequested",
    "ResumeRequested",
    "RunAdmitted",
    "RunRefused",
    "SignalReceived",
    "TimerFired",
    "WorkContinued",
]
