"""The logs of a process."""

from __future__ import annotations

import json
import logging
import warnings
from typing import TYPE_CHECKING, Any

import pytest
import structlog
from quixstreams.logging import configure_logging

from storage.logging import REDACTED, configure
from storage.settings import Settings
from tests.support.logs import logging_kept

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


def settings(**fields: str) -> Settings:
    values = {"jwt_secret": "x" * 32, "instance_id": "7", "log_format": "json"}
    return Settings.model_validate(values | fields)


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Callable[[], list[dict[str, Any]]]:
    def read() -> list[dict[str, Any]]:
        captured = capsys.readouterr()
        assert captured.out == ""
        return [json.loads(line) for line in captured.err.splitlines()]

    return read


def test_a_line_is_one_json_object_with_its_process(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(), "outbox")
    structlog.get_logger("storage").info("batch written", rows=3, path="é\n")

    (line,) = lines()
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "batch written",
        "level": "info",
        "logger": "storage",
        "process": "outbox",
        "instance": "7",
        "rows": 3,
        "path": "é\n",
    }


@pytest.mark.parametrize(
    "name", ["uvicorn.error", "uvicorn.access", "quixstreams", "quixstreams.app", "mine"]
)
def test_libraries_speak_the_same_way(lines: Callable[[], list[dict[str, Any]]], name: str) -> None:
    configure(settings(), "api")
    configure_logging("INFO")  # as a quixstreams application does
    logging.getLogger(name).warning("%s of %d", "one", 2, extra={"topic": "t"})

    (line,) = lines()
    assert (line["event"], line["level"], line["logger"]) == ("one of 2", "warning", name)
    assert (line["process"], line["topic"]) == ("api", "t")


def test_nothing_is_said_twice(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(), "api")
    logging.getLogger("uvicorn.error").info("Running", extra={"color_message": "Running"})

    (line,) = lines()
    assert "color_message" not in line


def test_less_than_the_level_is_silent(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(log_level="warning"), "api")
    structlog.get_logger().info("no")
    logging.getLogger("uvicorn.access").info("no")
    logging.getLogger("httpx").info("no")
    structlog.get_logger().error("yes")

    assert [line["event"] for line in lines()] == ["yes"]


def test_configuring_again_replaces(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(), "one")
    configure(settings(), "two")
    structlog.get_logger().info("once")

    assert [line["process"] for line in lines()] == ["two"]


SECRETS: list[dict[str, Any]] = [
    {"token": "hunter2"},
    {"Authorization": "hunter2"},
    {"postgres_dsn": "hunter2"},
    {"jwt_secret": b"hunter2"},
    {"db_password": ["hunter2"]},
    {"headers": {"authorization": "Bearer hunter2", "nested": [{"api_key": "hunter2"}]}},
    {"error": "cannot reach postgresql://ann:hunter2@db/aob?x=1"},
    {"error": "host=db password=hunter2 user=ann"},
    {"error": "password='hunter2 or so'"},
    {"header": "Bearer hunter2.x-y"},
]


@pytest.mark.parametrize("form", ["json", "pretty"])
@pytest.mark.parametrize("fields", SECRETS, ids=range(len(SECRETS)))
def test_secrets_are_hidden(capsys: pytest.CaptureFixture[str], fields: dict[str, Any], form: str) -> None:
    configure(settings(log_format=form), "api")
    structlog.get_logger().info("something", **fields)

    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert REDACTED in text


def connect() -> None:
    raise OSError("no answer from postgresql://ann:hunter2@db/aob")


@pytest.mark.parametrize("form", ["json", "pretty"])
def test_secrets_in_messages_and_tracebacks_are_hidden(capsys: pytest.CaptureFixture[str], form: str) -> None:
    configure(settings(log_format=form), "api")
    try:
        connect()
    except OSError:
        logging.getLogger("mine").exception("at postgresql://ann:hunter2@db")

    text = capsys.readouterr().err
    assert "hunter2" not in text
    assert "no answer" in text
    assert "in connect" in text


def test_what_is_no_secret_stays(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(), "api")
    structlog.get_logger().info("done", url="http://localhost:8080/a@b", token=None, count=1, when=Settings)

    (line,) = lines()
    assert (line["url"], line["token"], line["count"]) == ("http://localhost:8080/a@b", None, 1)


def test_warnings_are_logged(lines: Callable[[], list[dict[str, Any]]]) -> None:
    configure(settings(), "api")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        logging.captureWarnings(capture=True)
        logging.getLogger("py.warnings").warning("old ways")

    assert [line["event"] for line in lines()] == ["old ways"]


def test_pretty_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    configure(settings(log_format="pretty"), "api")
    structlog.get_logger("storage").info("batch written", rows=3)

    text = capsys.readouterr().err
    assert "batch written" in text
    assert "rows=3" in text
    assert not text.startswith("{")
