"""Statuses as the columns hold them: the engine's names.

Spelled again, because the engine's module stands behind its expressions and graphs, which the outbox and the
feed never need in memory. A test compares.
"""

from __future__ import annotations

from typing import Final

RUN_RUNNING: Final = "RUNNING"
RUN_WAITING: Final = "WAITING"
RUN_PAUSED: Final = "PAUSED"
RUN_COMPLETED: Final = "COMPLETED"
RUN_FAILED: Final = "FAILED"
RUN_CANCELLED: Final = "CANCELLED"
RUN_REJECTED: Final = "REJECTED"
ENDED: Final = frozenset({RUN_COMPLETED, RUN_FAILED, RUN_CANCELLED, RUN_REJECTED})

NODE_QUEUED: Final = "QUEUED"
NODE_RUNNING: Final = "RUNNING"
NODE_WAITING: Final = "WAITING"
NODE_RETRYING: Final = "RETRYING"
NODE_SUCCEEDED: Final = "SUCCEEDED"
NODE_FAILED: Final = "FAILED"
NODE_SKIPPED: Final = "SKIPPED"
NODE_CANCELLED: Final = "CANCELLED"
