from __future__ import annotations

import os
import signal
import stat
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from aob.dev.clusters import postgres
from aob.dev.database import SETTINGS, embedded_postgres, external_postgres
from aob.dev.running import running

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with postgres(tmp_path_factory.mktemp("postgres") / "data") as address:
        yield address


def test_rows_survive_a_kill_9(tmp_path: Path) -> None:
    service = embedded_postgres(tmp_path / "data")
    assert service.spec
    with running(service.spec, tmp_path / "postgres.log") as process:
        with psycopg.connect(service.address) as connection:
            connection.execute("CREATE TABLE kept (n int)")
            connection.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
        process.send_signal(signal.SIGKILL)
        process.wait()

    with postgres(tmp_path / "data") as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (1000,)


def test_a_stop_does_not_wait_for_clients(tmp_path: Path) -> None:
    service = embedded_postgres(tmp_path / "data")
    assert service.spec
    with running(service.spec, tmp_path / "postgres.log") as process, psycopg.connect(service.address):
        process.send_signal(service.spec.stop_signal)
        assert process.wait(5) == 0


def test_settings_are_those_of_the_stack(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        for name in ("fsync", "synchronous_commit", "shared_buffers", "max_connections", "jit"):
            assert connection.execute(f"SHOW {name}").fetchone() == (SETTINGS[name],)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
        assert connection.execute("SELECT upper('\N{LATIN SMALL LETTER E WITH ACUTE}')").fetchone() == (
            "\N{LATIN CAPITAL LETTER E WITH ACUTE}",
        )


def test_vectors_are_available(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION vector")
        assert connection.execute("SELECT '[1,2]'::vector <-> '[1,4]'::vector").fetchone() == (2.0,)


def test_a_running_database_can_be_used(dsn: str) -> None:
    service = external_postgres(dsn)

    assert service.spec is None
    assert service.address == dsn


def test_a_deep_and_odd_data_dir_works(tmp_path: Path) -> None:
    folder = tmp_path / ("deep" * 30) / "with space, comma & 100%"

    with postgres(folder) as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


def test_nobody_else_can_reach_it(dsn: str) -> None:
    sockets = Path(str(psycopg.conninfo.conninfo_to_dict(dsn)["host"]))

    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_folders_above_keep_their_modes(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)

    with postgres(closed / "data"):
        pass

    assert stat.S_IMODE(closed.stat().st_mode) == 0o700


def test_a_lock_file_with_somebody_elses_process_id_is_no_obstacle(tmp_path: Path) -> None:
    service = embedded_postgres(tmp_path / "data")
    assert service.spec
    pid_file = tmp_path / "data" / "data" / "postmaster.pid"
    pid_file.write_text(f"{os.getpid()}\n{tmp_path}\n1\n5432\n\n\n0 0\nready\n")

    with postgres(tmp_path / "data") as dsn, psycopg.connect(dsn) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)
