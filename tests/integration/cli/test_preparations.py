"""`aob migrate` and `aob topics create` on the real things."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.support.kafka import Installation


def aob(env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "aob", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=100, check=False)


def test_migrate_says_what_ran_and_then_that_all_is_done(empty_database: str) -> None:
    env = {"AOB_JWT_SECRET": "0" * 32, "AOB_POSTGRES_DSN": empty_database}
    first = aob(env, "migrate")
    assert (first.returncode, first.stderr.splitlines()[-1]) == (
        0,
        f"{len(first.stdout.split())} migration(s) ran",
    )
    second = aob(env, "migrate")
    assert (second.returncode, second.stdout) == (0, "")
    assert second.stderr.splitlines()[-1] == "the database is up to date"


def test_topics_that_are_there_are_checked(installation: Installation) -> None:
    done = aob(installation.env, "topics", "create")
    assert (done.returncode, done.stdout) == (0, "")
    assert "the topics are there" in done.stderr
    other = aob(installation.env | {"AOB_PARTITIONS": "5"}, "topics", "create")
    assert other.returncode == 1
    assert other.stderr.startswith("error: ") or "\nerror: " in other.stderr


def test_topics_cannot_be_created_without_a_broker() -> None:
    env = {"AOB_JWT_SECRET": "0" * 32, "AOB_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    done = aob(env, "topics", "create")
    assert done.returncode == 1
    assert "AOB_KAFKA_BOOTSTRAP names another." in done.stderr
