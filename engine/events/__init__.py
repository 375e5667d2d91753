"""Events: what the coordinator decided, numbered without holes in a run. One small file each."""

from engine.events.node_cancelled import NodeCancelled
from engine.events.node_failed import NodeFailed
from engine.events.node_retrying import NodeRetrying
from engine.events.node_routed import NodeRouted
from engine.events.node_scheduled import NodeScheduled
from engine.events.node_skipped import NodeSkipped
from engine.events.node_started import NodeStarted
from engine.events.node_succeeded import NodeSucceeded
from engine.events.run_cancelled import RunCancelled
from engine.events.run_cancelling import RunCancelling
from engine.events.run_completed import RunCompleted
from engine.events.run_continued import RunContinued
from engine.events.run_deferred import RunDeferred
from engine.events.run_failed import RunFailed
from engine.events.run_failing import RunFailing
from engine.events.run_paused import RunPaused
from engine.events.run_rejected import RunRejected
from engine.events.run_resumed import RunResumed
from engine.events.run_started import RunStarted
from engine.events.signal_delivered import SignalDelivered

Event = (
    RunStarted
    | RunRejected
    | RunPaused
    | RunResumed
    | RunCancelling
    | RunFailing
    | RunCancelled
    | RunCompleted
    | RunFailed
    | RunDeferred
    | RunContinued
    | NodeScheduled
    | NodeStarted
    | NodeRetrying
    | NodeSucceeded
    | NodeFailed
    | NodeSkipped
    | NodeCancelled
    | NodeRouted
    | SignalDelivered
)

__all__ = [
    "Event",
    "NodeCancelled",
    "NodeFailed",
    "NodeRetrying",
    "NodeRouted",
    "NodeScheduled",
    "NodeSkipped",
    "NodeStarted",
    "NodeSucceeded",
    "RunCancelled",
    "RunCancelling",
    "RunCompleted",
    "RunContinued",
    "RunDeferred",
    "RunFailed",
    "RunFailing",
    "RunPaused",
    "RunRejected",
    "RunResumed",
    "RunStarted",
    "SignalDelivered",
]
