from __future__ import annotations

import signal
from typing import TYPE_CHECKING

from aob.dev.data_dir import DataDir
from aob.dev.keys import Keys
from aob.dev.plan import DRAINS, DevOptions, Plan, allot_ports, default_partitions
from aob.dev.ports import PortBook
from aob.dev.process import ProcessSpec
from aob.dev.service import Service

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

KEYS = Keys("aob_" + "k" * 32, "jwt-secret-of-the-test")
BROKER = Service("127.0.0.1:9092", "broker", ProcessSpec(name="kafka", argv=("kafka",)))
DATABASE = Service("postgresql://db", "database", ProcessSpec(name="postgres", argv=("postgres",)))


def plan(root: Path, options: DevOptions, broker: Service = BROKER) -> dict[str, ProcessSpec]:
    book = PortBook(root / "ports.json")
    ports = allot_ports(book, options)
    specs = Plan(options, DataDir(root), book, ports, KEYS, (broker, DATABASE), 3).specs()
    return {spec.name: spec for spec in specs}


def test_every_process_is_its_own_command_and_comes_after_what_it_needs(tmp_path: Path) -> None:
    specs = plan(tmp_path, DevOptions(coordinators=2, runners=3, command=("aob",)))

    assert list(specs) == [
        *("migrate", "topics", "admission.0", "materializer.0", "coordinator.0", "coordinator.1", "timers.0"),
        *("outbox.0", "fanout.0", "api.0", "runner.0", "runner.1", "runner.2"),
    ]
    assert specs["topics"].argv == ("aob", "topics", "create")
    assert specs["coordinator.1"].argv == ("aob", "coordinator")
    assert specs["migrate"].depends_on == ("kafka", "postgres")
    assert specs["api.0"].depends_on == ("kafka", "postgres", "migrate", "topics")


def test_what_runs_elsewhere_is_not_waited_for(tmp_path: Path) -> None:
    specs = plan(tmp_path, DevOptions(), Service("broker:9092", "external"))

    assert specs["migrate"].depends_on == ("postgres",)


def test_the_environment_is_the_contract(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOB_HTTP_ALLOW", "127.0.0.1:8000")
    monkeypatch.setenv("AOB_API_KEY", "key of a client")
    options = DevOptions(functions=("shop.tasks", "shop.more"), coordinators=2, log_level="debug")

    specs = plan(tmp_path, options)
    env = specs["coordinator.1"].env

    expected = {
        "AOB_KAFKA_BOOTSTRAP": "127.0.0.1:9092",
        "AOB_POSTGRES_DSN": "postgresql://db",
        "AOB_DATA_DIR": str(tmp_path),
        "AOB_STATE_DIR": str(tmp_path / "state" / "coordinator-1"),
        "AOB_CAS_DIR": str(tmp_path / "cas"),
        "AOB_JWT_SECRET": KEYS.jwt_secret,
        "AOB_API_HOST": "127.0.0.1",
        "AOB_FANOUT_HOST": "127.0.0.1",
        "AOB_INSTANCE_ID": "coordinator-1",
        "AOB_PARTITIONS": "3",
        "AOB_REPLICATION_FACTOR": "1",
        "AOB_ENVIRONMENT": "dev",
        "AOB_FUNCTIONS": "shop.tasks,shop.more",
        "AOB_HTTP_ALLOW": "127.0.0.1:8000",
        "AOB_LOG_FORMAT": "json",
        "AOB_LOG_LEVEL": "debug",
    }
    assert {name: env.get(name) for name in expected} == expected
    assert (
        env["AOB_FANOUT_URL"] == f"http://127.0.0.1:{env['AOB_FANOUT_PORT']}" == specs["fanout.0"].health_url
    )
    assert specs["api.0"].health_url == f"http://127.0.0.1:{env['AOB_API_PORT']}"
    assert specs["coordinator.1"].health_url == f"http://127.0.0.1:{env['AOB_HEALTH_PORT']}"
    assert "AOB_API_KEY" not in env


def test_health_ports_differ(tmp_path: Path) -> None:
    ports = [
        spec.env["AOB_HEALTH_PORT"] for spec in plan(tmp_path, DevOptions()).values() if not spec.one_shot
    ]

    assert len(set(ports)) == len(ports)


def test_only_the_api_gets_the_administrators_key(tmp_path: Path) -> None:
    specs = plan(tmp_path, DevOptions()).values()

    assert [spec.name for spec in specs if KEYS.api_key in spec.env.values()] == ["api.0"]


def test_no_secret_is_an_argument(tmp_path: Path) -> None:
    arguments = [argument for spec in plan(tmp_path, DevOptions()).values() for argument in spec.command()]

    assert not [text for text in arguments if KEYS.api_key in text or KEYS.jwt_secret in text]


def test_ports_that_were_asked_for_are_used(tmp_path: Path) -> None:
    book = PortBook(tmp_path / "other.json")
    api, fanout = book.allot("a"), book.allot("b")

    specs = plan(tmp_path, DevOptions(port=api, fanout_port=fanout))

    assert specs["api.0"].env["AOB_API_PORT"] == str(api)
    assert specs["api.0"].env["AOB_FANOUT_PORT"] == str(fanout)


def test_a_process_dies_with_its_supervisor(tmp_path: Path) -> None:
    assert {spec.orphan_signal for spec in plan(tmp_path, DevOptions()).values()} == {signal.SIGKILL}


def test_nothing_is_killed_while_it_drains(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOB_DRAIN_SECONDS", "30")
    monkeypatch.setenv("AOB_API_DRAIN_S", "soon")
    specs = plan(tmp_path, DevOptions())

    drains = {name: specs[name].env[DRAINS[name.partition(".")[0]]] for name in ("runner.0", "fanout.0")}
    assert drains == {"runner.0": "30", "fanout.0": "2"}
    assert specs["runner.0"].stop_after_s > 30
    assert specs["fanout.0"].stop_after_s == specs["api.0"].stop_after_s > 2
    # A last commit waits for its outputs.
    assert specs["coordinator.0"].stop_after_s > 5


def test_a_new_broker_gets_as_many_partitions_as_can_be_worked_on_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def cores(count: int, options: DevOptions) -> int:
        monkeypatch.setattr("os.cpu_count", lambda: count)
        return default_partitions(options)

    assert cores(1, DevOptions()) == 2
    assert cores(4, DevOptions()) == 4
    assert cores(2, DevOptions(runners=3)) == 3
    assert cores(64, DevOptions()) == 8


def test_the_processes_are_told_the_partitions_of_the_broker(tmp_path: Path) -> None:
    specs = plan(tmp_path, DevOptions())
    assert {specs[name].env["AOB_PARTITIONS"] for name in ("topics", "coordinator.0", "api.0")} == {"3"}
