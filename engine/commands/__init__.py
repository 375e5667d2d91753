"""Public commands: requests that may be refused. Who asks is in the token beside them, never in them."""

from engine.commands.cancel_run import CancelRun
from engine.commands.pause_run import PauseRun
from engine.commands.resume_run import ResumeRun
from engine.commands.signal_run import SignalRun
from engine.commands.start_run import StartRun
from engine.commands.tag_workflow import TagWorkflow
from engine.commands.upload_workflow import UploadWorkflow

RunCommand = StartRun | CancelRun | PauseRun | ResumeRun | SignalRun
WorkflowCommand = UploadWorkflow | TagWorkflow

__all__ = [
    "CancelRun",
    "PauseRun",
    "ResumeRun",
    "RunCommand",
    "SignalRun",
    "StartRun",
    "TagWorkflow",
    "UploadWorkflow",
    "WorkflowCommand",
]
