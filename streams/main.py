"""Where the processes of this folder begin."""

from __future__ import annotations

import importlib

from storage.logging import configure
from streams.runtime.settings import StreamSettings

PROCESSORS = ("admission", "coordinator", "materializer", "outbox", "timers")


def main(name: str) -> int:
    """Run the processor `name` until it is stopped; its exit code. ValueError for an unknown name."""
    if name not in PROCESSORS:
        raise ValueError(f"no processor is called {name!r}: choose one of {', '.join(PROCESSORS)}")
    settings = StreamSettings()
    configure(settings, name)
    # A processor loads what it needs alone: the others' libraries would cost memory and start-up time.
    topology = importlib.import_module(f"streams.topologies.{name}")
    exit_code: int = topology.run(settings)
    return exit_code
