from __future__ import annotations

import io
import os
import signal
import sys
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from aob.dev.child import Backoff
from aob.dev.console import Console
from aob.dev.errors import DevError
from aob.dev.process import MISCONFIGURED, ProcessSpec
from aob.dev.supervisor import Supervisor
from tests.unit.dev.processes import gone, kill_9, script, sleeper, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

QUICK = Backoff(first_s=0.01, most_s=0.05, loop_s=0.05)


@pytest.fixture
def screen() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
async def supervisor(tmp_path: Path, screen: io.StringIO) -> AsyncIterator[Supervisor]:
    async with Supervisor(Console(screen), tmp_path, backoff=QUICK) as supervised:
        yield supervised


async def test_output_goes_to_the_screen_and_whole_to_a_log_file(
    supervisor: Supervisor, screen: io.StringIO, tmp_path: Path
) -> None:
    talker = script("talker", r"print('one\ntwo'); print('{\"event\": \"e\", \"level\": \"debug\"}')")

    await supervisor.start([replace(talker, one_shot=True)], 20)

    assert screen.getvalue() == "talker | one\ntalker | two\n"
    assert (tmp_path / "talker.log").read_text() == 'one\ntwo\n{"event": "e", "level": "debug"}\n'


async def test_dependencies_come_first_and_stop_last(supervisor: Supervisor, tmp_path: Path) -> None:
    code = (
        "import signal, sys; signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM]);"
        "journal = open(sys.argv[1], 'ab', buffering=0); journal.write(b'+' + sys.argv[2].encode());"
        "signal.sigwait([signal.SIGTERM]); journal.write(b'-' + sys.argv[2].encode())"
    )
    journal = tmp_path / "journal"
    journal.touch()

    def noting(name: str, *after: str) -> ProcessSpec:
        argv = (sys.executable, "-S", "-c", code, str(journal), name)
        return ProcessSpec(
            name=name,
            argv=argv,
            depends_on=after,
            probe=lambda: None if f"+{name}" in journal.read_text() else "-",
        )

    await supervisor.start([noting("a"), noting("b", "a"), noting("c", "b")], 20)
    await supervisor.stop()

    assert journal.read_text() == "+a+b+c-c-b-a"


async def test_what_dies_is_started_again_with_a_new_pid(tmp_path: Path, screen: io.StringIO) -> None:
    spawned: list[dict[str, int]] = []
    async with Supervisor(
        Console(screen), tmp_path, on_spawn=lambda: spawned.append(supervised.pids), backoff=QUICK
    ) as supervised:
        await supervised.start([sleeper("worker")], 20)
        first = supervised.pids["worker"]
        kill_9(first)
        await until(lambda: supervised.pids.get("worker", first) != first)

    assert spawned == [{"worker": first}, {"worker": spawned[1]["worker"]}]
    assert "worker died (signal SIGKILL); starting it again in 0.01 s" in screen.getvalue()
    assert gone(spawned[1]["worker"])


async def test_a_crash_loop_is_said_loudly_and_goes_on(supervisor: Supervisor, screen: io.StringIO) -> None:
    crasher = replace(
        script("crasher", "print('no such module'); raise SystemExit(3)"), probe=lambda: "never"
    )

    with pytest.raises(DevError, match="not ready after 3 s"):
        await supervisor.start([crasher], 3)

    alarm = "crasher died (exit code 3) 5 times in a row. Trying on every 0.05 s. It said last:\n"
    assert alarm in screen.getvalue()
    assert "no such module" in screen.getvalue().partition(alarm)[2]
    assert screen.getvalue().partition(alarm)[2].count("crasher died") > 1


def test_backoff_doubles_up_to_its_limit_and_is_slow_in_a_crash_loop() -> None:
    backoff = Backoff(first_s=0.1, most_s=0.5, loop_deaths=6, loop_s=15)

    assert [backoff.wait_s(deaths) for deaths in range(1, 8)] == [0.1, 0.2, 0.4, 0.5, 0.5, 15, 15]


async def test_what_ignores_the_signal_is_killed_with_its_children(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    code = (
        "import os, signal, subprocess, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        "print(subprocess.Popen(['sleep', '600']).pid, flush=True); signal.pause()"
    )
    log = tmp_path / "stubborn.log"
    stubborn = replace(
        script("stubborn", code),
        stop_after_s=0.1,
        probe=lambda: None if "\n" in log.read_text() else "its child",
    )
    await supervisor.start([stubborn], 20)
    pids = [supervisor.pids["stubborn"], int(log.read_text())]

    await supervisor.stop()

    await until(lambda: all(gone(pid) for pid in pids))


async def test_a_failed_one_shot_fails_the_start_and_holds_back_what_needs_it(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    migrate = replace(script("migrate", "raise SystemExit('column missing')"), one_shot=True)

    with pytest.raises(DevError, match=r"(?s)migrate failed with exit code 1.*column missing"):
        await supervisor.start([migrate, replace(sleeper("api"), depends_on=("migrate",))], 20)

    assert supervisor.pids == {}
    assert not (tmp_path / "api.log").exists()


async def test_what_is_misconfigured_fails_the_start_with_what_it_says_now(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    (tmp_path / "runner.log").write_text("what an earlier start said\n")
    said = '{"event": "no module named typo", "level": "error"}'
    runner = replace(
        script("runner", f"print({said!r}); raise SystemExit({MISCONFIGURED})"), probe=lambda: "refused"
    )

    with pytest.raises(DevError) as caught:
        await supervisor.start([runner], 20)

    assert str(caught.value) == "runner failed with exit code 2:\n[error] no module named typo"


async def test_what_is_misconfigured_later_is_tried_again(supervisor: Supervisor, tmp_path: Path) -> None:
    serves = tmp_path / "serves"
    code = (
        f"import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit({MISCONFIGURED}));"
        f"open({str(serves)!r}, 'w').close(); signal.pause()"
    )
    worker = replace(script("worker", code), probe=lambda: None if serves.exists() else "-")
    await supervisor.start([worker], 20)
    first = supervisor.pids["worker"]
    os.kill(first, signal.SIGTERM)

    await until(lambda: supervisor.pids.get("worker", first) != first)


async def test_an_essential_process_that_dies_at_its_start_fails_the_start(supervisor: Supervisor) -> None:
    broker = replace(
        script("broker", "raise SystemExit('port taken')"), essential=True, probe=lambda: "refused"
    )

    with pytest.raises(DevError, match=r"(?s)broker failed with exit code 1.*port taken"):
        await supervisor.start([broker], 20)


async def test_a_missing_command_is_named(supervisor: Supervisor) -> None:
    with pytest.raises(DevError, match="no-such-command"):
        await supervisor.start([ProcessSpec(name="broker", argv=("no-such-command",), one_shot=True)], 20)


async def test_what_is_late_is_named_with_its_reason(supervisor: Supervisor) -> None:
    slow = replace(sleeper("slow"), probe=lambda: "connection refused")

    with pytest.raises(DevError, match=r"(?s)not ready after 0.3 s.*slow: waiting for connection refused"):
        await supervisor.start([sleeper("fast"), slow], 0.3)


async def test_a_stop_during_a_long_wait_for_a_restart_is_quick(tmp_path: Path, screen: io.StringIO) -> None:
    patient = Backoff(first_s=600, most_s=600)
    async with Supervisor(Console(screen), tmp_path, backoff=patient) as supervisor:
        await supervisor.start([sleeper("worker")], 20)
        kill_9(supervisor.pids["worker"])
        await until(lambda: "starting it again in 600 s" in screen.getvalue())
        began = time.monotonic()

    assert time.monotonic() - began < 5


async def test_a_long_line_without_an_end_does_not_stop_the_output(
    supervisor: Supervisor, screen: io.StringIO
) -> None:
    await supervisor.start(
        [replace(script("loud", "print('x' * 3_000_000); print('end')"), one_shot=True)], 20
    )

    assert screen.getvalue().endswith("end\n")
    assert len(screen.getvalue()) < 20_000


async def test_a_large_log_is_set_aside(supervisor: Supervisor, tmp_path: Path) -> None:
    with (tmp_path / "talker.log").open("wb") as log:
        log.truncate(21 << 20)

    await supervisor.start([replace(script("talker", "print('new')"), one_shot=True)], 20)

    assert (tmp_path / "talker.log").read_text() == "new\n"
    assert (tmp_path / "talker.log.1").stat().st_size == 21 << 20


async def test_two_processes_of_one_name_are_refused(supervisor: Supervisor) -> None:
    with pytest.raises(ValueError, match="two processes are named twin"):
        await supervisor.start([sleeper("twin"), sleeper("twin")], 20)
