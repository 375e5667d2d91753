"""Every kind of record that stands in a topic."""

from __future__ import annotations

import typing

from engine.commands import RunCommand, WorkflowCommand
from engine.dead_letter import DeadLetter
from engine.decision import Decision
from engine.effects import ArmTimer, CancelJobs, Job, Reply
from engine.facts import Fact
from engine.log_line import LogLine
from engine.workflow_versioned import WorkflowRegistered, WorkflowVersioned

Record = (
    RunCommand
    | WorkflowCommand
    | Fact
    | Job
    | CancelJobs
    | ArmTimer
    | Reply
    | Decision
    | WorkflowVersioned
    | WorkflowRegistered
    | DeadLetter
    | LogLine
)

RECORDS: tuple[type, ...] = typing.get_args(Record)
