"""Effects: what a decision sends, as data. A fact is an effect too: it goes into the log of a run."""

from engine.effects.arm_timer import ArmTimer
from engine.effects.cancel_jobs import CancelJobs
from engine.effects.job import Job, ScopeEntry
from engine.effects.reply import Reply
from engine.facts import Fact

Effect = Job | CancelJobs | ArmTimer | Reply | Fact

__all__ = ["ArmTimer", "CancelJobs", "Effect", "Job", "Reply", "ScopeEntry"]
