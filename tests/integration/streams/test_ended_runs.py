"""Markers of ended runs leave the store and its changelog."""

from __future__ import annotations

import subprocess
import sys

from engine.facts import RunRefused
from storage.kafka.changelogs import Changelog
from storage.kafka.topics import NODE_RESULTS
from storage.wire import encode
from tests.support.kafka import Installation, produce, read_until

RUNS = [f"r0_{number}" for number in range(300)]
# The setting has a least value; a test cannot wait for it.
PROGRAM = """
import sys
from streams.runtime.settings import StreamSettings
from streams.topologies.coordinator import run
sys.exit(run(StreamSettings().model_copy(update={"ended_run_marker_hours": 0})))
"""


def test_expired_markers_are_tombstones_in_the_changelog(installation: Installation) -> None:
    facts = [
        RunRefused(workspace="w", run_id=run_id, command_id="c", author="u", code="NO", message="no")
        for run_id in RUNS
    ]
    produce(installation.bootstrap, NODE_RESULTS, [(fact.run_id.encode(), encode(fact)) for fact in facts])
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], env=installation.env)
    try:
        log = read_until(
            installation.bootstrap,
            Changelog("coordinator", NODE_RESULTS).topic,
            lambda found: sum(m.value() is None and _is_marker(m.key()) for m in found) >= len(RUNS),
        )
    finally:
        process.kill()
        process.wait()
    content = {(m.partition(), m.key()): m.value() for m in log}
    assert not [key for key, value in content.items() if value is not None and _is_marker(key[1])]


def _is_marker(key: object) -> bool:
    return isinstance(key, bytes) and key.startswith(b"r0_") and key.endswith(b'|"h"')
