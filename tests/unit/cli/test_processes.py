from __future__ import annotations

import importlib
import json
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest
import structlog

from aob.cli import settings_doc
from aob.cli.main import COMMANDS
from aob.dev import stack
from storage.settings import Settings
from tests.support.logs import logging_kept
from tests.unit.test_repository import ROOT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from aob.dev.plan import DevOptions
    from tests.unit.cli.conftest import Aob

SECRET = "s" * 32
PROCESSORS = ["admission", "materializer", "coordinator", "timers", "outbox"]


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    with logging_kept():
        yield


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Stands for the mains of all processes; each ends with exit code 7."""
    calls: list[str] = []

    def stand_in(module_name: str) -> None:
        module = ModuleType(module_name)

        def main(*arguments: str) -> int:
            calls.append(" ".join((module_name, *arguments)))
            return 7

        vars(module)["main"] = main
        monkeypatch.setitem(sys.modules, module_name, module)

    for name in ("api.main", "fanout.main", "streams.main", "workers.main"):
        stand_in(name)
    return calls


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("api", "api.main"),
        ("fanout", "fanout.main"),
        ("runner", "workers.main"),
        *((name, f"streams.main {name}") for name in PROCESSORS),
    ],
)
def test_a_process_command_calls_its_main(aob: Aob, called: list[str], command: str, expected: str) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", SECRET)
    assert aob(command) == 7
    assert called == [expected]


def test_functions_are_handed_to_the_runner(aob: Aob, called: list[str]) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", SECRET)
    aob.monkeypatch.setenv("AOB_FUNCTIONS", "before")
    assert aob("runner", "--functions", "a.b", "--functions", "c") == 7
    assert os.environ["AOB_FUNCTIONS"] == "a.b,c"


@pytest.mark.parametrize("command", ["api", "fanout", "runner", "migrate", *PROCESSORS])
def test_a_wrong_setting_is_named_and_explained(aob: Aob, called: list[str], command: str) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", "short")
    aob.monkeypatch.setenv("AOB_PARTITIONS", "many")
    assert aob(command) == 2
    assert called == []
    assert "AOB_PARTITIONS: " in aob.err
    assert "it means: Partitions of the run-keyed topics." in aob.err
    assert "AOB_JWT_SECRET: " in aob.err
    assert "short" not in aob.err


def test_migrate_says_when_the_database_is_away(aob: Aob) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", SECRET)
    aob.monkeypatch.setenv("AOB_POSTGRES_DSN", "postgresql://127.0.0.1:1/none")
    assert aob("migrate") == 1
    assert "Check AOB_POSTGRES_DSN." in aob.err


def test_migrate_says_what_a_connection_string_is(aob: Aob) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", SECRET)
    aob.monkeypatch.setenv("AOB_POSTGRES_DSN", "foo")
    assert aob("migrate") == 1
    assert aob.err.startswith("error: that is no connection string of Postgres")
    assert "Check AOB_POSTGRES_DSN." in aob.err


def test_dev_hands_its_options_on(aob: Aob) -> None:
    seen: list[DevOptions] = []

    async def run_dev(options: DevOptions) -> int:
        seen.append(options)
        return 130

    aob.monkeypatch.setattr(stack, "run_dev", run_dev)
    assert aob("dev", "--port", "9000", "--functions", "a", "--functions", "b", "--runners", "2", "-q") == 130
    options = seen[0]
    assert (options.port, options.functions, options.runners, options.quiet) == (9000, ("a", "b"), 2, True)
    assert str(options.data_dir) == ".aob"
    assert aob("dev", "--runners", "0") == 2
    assert aob("dev", "--log-level", "loud") == 2


def test_settings_are_printed_with_default_and_meaning(aob: Aob) -> None:
    assert aob("settings") == 0
    assert "AOB_KAFKA_BOOTSTRAP  [127.0.0.1:9092]" in aob.out
    assert "AOB_JWT_SECRET  [must be set" in aob.out
    assert aob("settings", "-o", "json") == 0
    sections = json.loads(aob.out)
    assert {"Every process", "api", "fanout", "runner"} <= sections.keys()
    assert all(item["description"] for items in sections.values() for item in items)


def test_every_settings_class_is_documented() -> None:
    documented = {settings_doc.load_class(path) for path in settings_doc.CLASSES.values()}
    ours = {kind for kind in _all_subclasses(Settings) if not kind.__module__.startswith("tests.")}
    assert ours <= documented


def _all_subclasses(kind: type) -> set[type]:
    children: list[type] = kind.__subclasses__()
    return set(children).union(*map(_all_subclasses, children))


def test_the_page_of_settings_is_current() -> None:
    """When it is not: `aob settings --markdown > docs/settings.md`."""
    assert (ROOT / "docs" / "settings.md").read_text() == settings_doc.markdown()


def test_every_command_of_the_table_exists(aob: Aob) -> None:
    for name, entry in COMMANDS.items():
        importlib.import_module(entry.module)
        assert aob(name, "--help") == 0
        assert f"Usage: aob {name}" in aob.out


@pytest.mark.parametrize("command", ["api", "fanout", "runner", *PROCESSORS])
def test_every_process_logs_in_one_way(aob: Aob, called: list[str], command: str) -> None:
    aob.monkeypatch.setenv("AOB_JWT_SECRET", SECRET)
    aob.monkeypatch.setenv("AOB_INSTANCE_ID", f"{command}-7")
    aob(command)
    structlog.get_logger("a").warning("slow", dsn="postgresql://ann:hunter2@db")
    line = json.loads(aob.capsys.readouterr().err)
    assert line.pop("timestamp")
    assert line == {
        "event": "slow",
        "level": "warning",
        "logger": "a",
        "process": command,
        "instance": f"{command}-7",
        "dsn": "[redacted]",
    }
