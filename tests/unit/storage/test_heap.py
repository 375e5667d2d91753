"""What the garbage collector no longer looks through."""

from __future__ import annotations

import gc
import subprocess
import sys

from storage import heap


def test_what_start_up_made_is_out_of_sight() -> None:
    script = (
        "import gc; from storage import heap; heap.settle(); "
        "print(gc.get_freeze_count(), gc.get_threshold()[0])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    frozen, young = map(int, done.stdout.split())
    assert frozen > 1000
    assert young == heap.YOUNG > gc.get_threshold()[0]
