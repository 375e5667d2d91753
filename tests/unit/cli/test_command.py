"""The command as a process of its own: what it imports, how it ends, what goes where."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aob.cli.main import COMMANDS, usage
from tests.unit.cli.server import RUN, FakeServer, event

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Aob

HEAVY = ("typer", "rich", "httpx", "pydantic", "msgspec", "confluent_kafka", "psycopg", "asyncio")


def environment(server: FakeServer | None = None, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AOB_")}
    return kept | ({} if server is None else {"AOB_API_URL": server.url, "AOB_API_KEY": "key"}) | more


def run(*arguments: str, cwd: Path, env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aob", *arguments]
    return subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def env() -> dict[str, str]:
    return environment() | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def test_help_names_every_command_and_exits_0(aob: Aob) -> None:
    for arguments in (("--help",), ("-h",), ("help",)):
        assert aob(*arguments) == 0
        assert aob.out == usage()
        assert aob.err == ""
    assert all(f"  {name} " in aob.out for name in COMMANDS)
    assert aob() == 2


@pytest.mark.parametrize("before", [["--output", "compact"], ["--output=compact"], ["-o", "compact"]])
def test_output_may_stand_before_the_command(aob: Aob, before: list[str]) -> None:
    aob.monkeypatch.setenv("AOB_OUTPUT", "pretty")
    aob.server.on("GET /v1/runs", {"runs": []})
    assert aob(*before, "run", "list") == 0
    assert aob.out == '{"runs":[]}\n'


def test_an_output_that_is_none_is_wrong_usage(aob: Aob) -> None:
    aob.monkeypatch.setenv("AOB_OUTPUT", "pretty")
    assert aob("--output", "xml", "run", "list") == 2
    assert "'xml' is not one of 'pretty', 'json', 'compact'" in aob.err
    assert aob("--output") == 2


def test_help_imports_nothing_heavy(env: dict[str, str], tmp_path: Path) -> None:
    """So that it stays quick; a timed test would measure the machine."""
    code = (
        "import sys; from aob.cli.main import main; main(['--help']);"
        f"sys.exit(' '.join(m for m in {HEAVY!r} if m in sys.modules))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert found.stderr.strip() == ""


def test_version(aob: Aob) -> None:
    assert aob("--version") == 0
    assert aob.out.startswith("aob ")


def test_an_unknown_command_is_wrong_usage(aob: Aob) -> None:
    assert aob("rnu") == 2
    assert "Did you mean `aob run`?" in aob.err
    assert aob("run", "strat") == 2
    assert "start" in aob.err


def test_result_and_chat_go_apart(server: FakeServer, env: dict[str, str], tmp_path: Path) -> None:
    server.on("POST /v1/runs", {"run_id": RUN, "status": "ACCEPTED"}, 202)
    done = run("run", "start", "greet", cwd=tmp_path, env=env | environment(server))
    assert (done.returncode, done.stdout) == (0, f"{RUN}\n")
    assert "follows it" in done.stderr


def test_an_error_is_1_and_no_traceback(env: dict[str, str], tmp_path: Path) -> None:
    done = run("run", "list", cwd=tmp_path, env=env)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


def test_ctrl_c_is_130(server: FakeServer, env: dict[str, str], tmp_path: Path) -> None:
    server.feed(event(1, "run.started"))
    command = [sys.executable, "-m", "aob", "logs", "stream", RUN, "-o", "json"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=env | environment(server),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["seq"] == 1
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err


def test_a_reader_who_leaves_is_no_error(server: FakeServer, env: dict[str, str], tmp_path: Path) -> None:
    many = [event(seq, "node.succeeded", "a" * 60) for seq in range(1, 5000)]
    server.feed(*many, event(5000, "run.completed"))
    command = [sys.executable, "-m", "aob", "logs", "stream", RUN, "-o", "json"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=env | environment(server), stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        err = process.stderr.read()
        process.wait(timeout=30)
    assert err == b""
    assert process.returncode == 0


@pytest.mark.parametrize(("more", "colored"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_gets_colors_unless_it_wants_none(
    server: FakeServer, env: dict[str, str], tmp_path: Path, more: dict[str, str], *, colored: bool
) -> None:
    server.feed(event(1, "run.completed"))
    ours, theirs = pty.openpty()
    env = {name: value for name, value in env.items() if name not in {"NO_COLOR", "FORCE_COLOR"}}
    with subprocess.Popen(
        [sys.executable, "-m", "aob", "logs", "stream", RUN],
        cwd=tmp_path,
        env=env | environment(server) | {"TERM": "xterm", "COLUMNS": "100"} | more,
        stdout=theirs,
        stderr=subprocess.PIPE,
    ) as process:
        os.close(theirs)
        shown = b""
        while b"run.completed" not in shown:
            shown += os.read(ours, 4096)
        assert process.wait(timeout=30) == 0
    os.close(ours)
    assert (b"\x1b[1;32m" in shown) is colored
