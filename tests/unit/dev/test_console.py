from __future__ import annotations

import io
import logging

import pytest
import structlog

from aob.dev.console import Console
from storage.logging import configure
from storage.settings import Settings
from tests.support.logs import logging_kept

LINE = (
    b'{"event": "run.started", "level": "info", "timestamp": "2026-01-02T03:04:05.678901Z", "run_id": "r0_a"}'
)


def shown(line: bytes, level: str = "info", *, colors: bool = False) -> str:
    stream = io.StringIO()
    console = Console(stream, level, colors=colors)
    console.introduce("api.0")
    console.introduce("coordinator.0")
    console.line("api.0", line)
    return stream.getvalue()


def test_structured_lines_are_short() -> None:
    assert shown(LINE) == "api.0         | 03:04:05.678 [info] run.started run_id=r0_a\n"


def test_lines_of_our_processes_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    with logging_kept():
        configure(Settings.model_validate({"jwt_secret": "x" * 32, "instance_id": "api-0"}), "api")
        structlog.get_logger("api.main").info("api.serving", port=1)
        logging.getLogger("quixstreams.app").info("The application started")
    ours, theirs = capsys.readouterr().err.encode().splitlines()

    assert shown(ours).endswith(" [info] api.serving [api.main] port=1\n")
    assert shown(theirs).endswith(" [info] The application started [quixstreams.app]\n")
    assert shown(ours, "warning") == shown(theirs, "warning") == ""


@pytest.mark.parametrize("line", [b"plain", b"{broken", b"{}", b'{"a": 1}', b"[1]"])
def test_other_lines_stay_as_they_are(line: bytes) -> None:
    assert shown(line) == f"api.0         | {line.decode()}\n"


def test_bytes_that_are_no_text_are_replaced() -> None:
    assert shown(b"\xff!") == "api.0         | \N{REPLACEMENT CHARACTER}!\n"


def test_levels_below_the_chosen_one_are_left_out() -> None:
    assert shown(LINE, "warning") == ""
    assert shown(b'{"event": "x", "level": "error"}', "warning") != ""
    assert shown(b"Traceback", "warning") != ""


def test_every_line_of_a_traceback_has_the_prefix() -> None:
    text = shown(b'{"event": "boom", "level": "error", "exception": "Traceback\\n  ValueError"}')

    assert len(text.splitlines()) == 3
    assert all(line.startswith("api.0         | ") for line in text.splitlines())


def test_colors_are_of_the_process() -> None:
    stream = io.StringIO()
    console = Console(stream, colors=True)
    for name in ("a", "b"):
        console.introduce(name)
        console.line(name, b"x")

    assert stream.getvalue() == "\x1b[36ma |\x1b[0m x\n\x1b[32mb |\x1b[0m x\n"


def test_a_file_gets_no_colors() -> None:
    stream = io.StringIO()
    Console(stream).alarm("careful")

    assert stream.getvalue() == "careful\n"


def test_the_last_words_of_a_process_are_its_complaints() -> None:
    error = b'{"event": "no module named typo", "level": "error", "timestamp": "2026-01-02T03:04:05Z"}'
    console = Console(io.StringIO())

    assert (
        console.last_words(b"\n".join([LINE, error]).decode()) == "03:04:05.000 [error] no module named typo"
    )
    assert console.last_words(f"Traceback\n{LINE.decode()}") == "Traceback"
    assert console.last_words(LINE.decode()) == "03:04:05.678 [info] run.started run_id=r0_a"
