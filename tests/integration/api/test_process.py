"""The api as a process of its own, on a real Kafka and a real Postgres."""

from __future__ import annotations

import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

import httpx
import pytest

from engine.commands import StartRun
from storage.kafka.topics import RUN_COMMANDS
from storage.tokens import HEADER, Tokens
from storage.wire import decode
from tests.support.kafka import free_port, installation, kafka_bootstrap, read_until, ready, wait_until
from tests.unit.api.world import workflow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.kafka import Installation

__all__ = ["installation", "kafka_bootstrap"]

KEY = "an-admin-key-of-this-test"
COMMAND = [sys.executable, "-c", "import sys; from api.main import main; sys.exit(main())"]


@pytest.fixture
def env(installation: Installation, database: str) -> dict[str, str]:
    return installation.env | {
        "AOB_POSTGRES_DSN": database,
        "AOB_BOOTSTRAP_API_KEY": KEY,
        "AOB_API_PORT": str(free_port()),
        "AOB_API_DELIVERY_TIMEOUT_MS": "2000",
    }


@contextmanager
def api(env: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(COMMAND, env=env)
    try:
        yield process
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def client_of(env: dict[str, str]) -> httpx.Client:
    headers = {"authorization": f"Bearer {KEY}"}
    return httpx.Client(base_url=f"http://127.0.0.1:{env['AOB_API_PORT']}", headers=headers)


def test_a_start_is_durable_when_it_is_accepted(installation: Installation, env: dict[str, str]) -> None:
    with api(env) as process, client_of(env) as client:
        wait_until(lambda: ready(int(env["AOB_API_PORT"])), "the api is ready")
        headers = {"idempotency-key": "k1"}
        body = {"definition": workflow(), "inputs": {"n": 1}, "key": "order-1"}
        response = client.post("/v1/runs", json=body, headers=headers)
        assert response.status_code == 202, response.text
        run_id = response.json()["run_id"]
        assert client.post("/v1/runs", json=body, headers=headers).json()["run_id"] == run_id
        assert client.post("/v1/runs", json=body).json()["run_id"] == run_id
        assert client.get(f"/v1/runs/{run_id}").json()["status"] == "ACCEPTED"
        assert client.get("/v1/runs/r0_nothing").status_code == 404
        assert client.get("/v1/runs").json() == {"runs": []}
        assert client.post(f"/v1/runs/{run_id}/cancel").status_code == 202
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    messages = read_until(installation.bootstrap, RUN_COMMANDS, lambda seen: len(seen) >= 3)
    starts = [record for message in messages if isinstance(record := decode(message.value()), StartRun)]
    assert {start.run_id for start in starts} == {run_id}
    claims = Tokens(env["AOB_JWT_SECRET"]).verify_header(dict(messages[0].headers() or [])[HEADER])
    assert (claims.workspace, claims.role) == ("default", "admin")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"AOB_KAFKA_BOOTSTRAP": "127.0.0.1:1"}, "Kafka cannot be used"),
        ({"AOB_POSTGRES_DSN": "postgresql://127.0.0.1:1/aob"}, "Postgres cannot be used"),
        ({"AOB_API_REPLY_PARTITION": "4000"}, "partition 4000 of command.replies"),
        ({"AOB_ENVIRONMENT": "production", "AOB_BOOTSTRAP_API_KEY": "k" * 32}, "AOB_CAS_DIR"),
    ],
)
def test_what_is_missing_at_the_start_is_said(
    env: dict[str, str], capfd: pytest.CaptureFixture[str], change: dict[str, str], message: str
) -> None:
    with api(env | change) as process:
        assert process.wait(60) == 1
    out, err = capfd.readouterr()
    assert message in out + err
    assert "Traceback" not in out + err


def test_an_empty_database_is_named(
    env: dict[str, str], empty_database: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with api(env | {"AOB_POSTGRES_DSN": empty_database}) as process:
        assert process.wait(60) == 1
    assert "run `aob migrate`" in "".join(capfd.readouterr())
