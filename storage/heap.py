"""The garbage collector of a process that has begun and from now on makes small things that end young."""

from __future__ import annotations

import gc
from typing import Final

YOUNG: Final = 20_000
"""Objects made beyond those that ended before the young ones are looked through; 700 is Python's default."""


def settle() -> None:
    """Take what start-up has made out of the collector's sight, and let it look less often.

    Libraries leave hundreds of thousands of objects behind that live as long as the process. Looking through
    them again and again took a tenth of a coordinator's time (docs/performance.md).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, 20, 20)
