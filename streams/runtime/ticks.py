"""Tasks by the wall clock, inside a processor's own loop.

quixstreams has no timers. Its loop runs the registry's periodic tasks once a turn: after every record, and
at least once a poll timeout. That interface is not documented: this file alone uses it, and has its own test.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.dataframe import StreamingDataFrame


def every(
    dataframe: StreamingDataFrame,
    seconds: float,
    task: Callable[[], None],
    *,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Run `task` in the loop, `seconds` apart at least (0: every turn), but not while state is recovered.

    A task may read and change state through `dataframe.processing_context.checkpoint`. An error in it ends
    the processor, as an error in a record's handling does.
    """
    context = dataframe.processing_context
    due = clock()

    def tick() -> None:
        nonlocal due
        now = clock()
        if now < due or context.state_manager.recovery_required:
            return
        task()
        due = now + seconds

    context.dataframe_registry.register_periodic_task(tick)
