"""The stack under test, as its users see it: `aob dev` as a process, the CLI, HTTP, the tables."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import httpx
import msgspec
import psycopg

from tests.e2e.waiting import until
from tests.unit.dev.processes import gone

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ROOT = Path(__file__).parents[2]
AOB = (sys.executable, "-m", "aob")
START_S = 150.0
STOP_S = 60.0
ENDED = frozenset({"COMPLETED", "FAILED", "CANCELLED", "REJECTED"})

Json = dict[str, Any]


class DevJson(msgspec.Struct, frozen=True):
    """What a ready stack says of itself."""

    api_url: str
    fanout_url: str
    api_key: str
    kafka: str
    postgres_dsn: str
    pids: dict[str, int]
    health: dict[str, str]


class Said(NamedTuple):
    """How a command ended and what it wrote."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Json:
        """Its data."""
        found: Json = json.loads(self.out)
        return found


class Stack:
    """A running `aob dev`."""

    def __init__(self, data_dir: Path, process: subprocess.Popen[bytes], env: dict[str, str]) -> None:
        self.data_dir = data_dir
        self.process = process
        self.env = env
        self.first = self.info

    @property
    def info(self) -> DevJson:
        """What dev.json says now."""
        return msgspec.json.decode((self.data_dir / "dev.json").read_bytes(), type=DevJson)

    @property
    def secret(self) -> str:
        """What signs the tokens of public records."""
        secret: str = json.loads((self.data_dir / "secrets.json").read_bytes())["AOB_JWT_SECRET"]
        return secret

    def aob(self, *arguments: str, stdin: str | None = None, **variables: str) -> Said:
        """Run a command of the CLI."""
        done = subprocess.run(
            [*AOB, *arguments],
            env=self.env | variables,
            cwd=ROOT,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )
        return Said(done.returncode, done.stdout, done.stderr)

    def data(self, *arguments: str, stdin: str | None = None) -> Json:
        """The JSON that a command writes, which has to succeed."""
        said = self.aob(*arguments, "--output", "json", stdin=stdin)
        assert said.code == 0, said
        return said.json

    @cached_property
    def http(self) -> httpx.Client:
        """A client of the api."""
        return httpx.Client(
            base_url=self.first.api_url,
            headers={"authorization": f"Bearer {self.first.api_key}"},
            timeout=90,
        )

    def push(self, workflow: Json) -> Json:
        """Upload a workflow."""
        answer = self.http.put(f"/v1/workflows/{workflow['name']}", json=workflow)
        assert answer.status_code in {200, 201}, answer.text
        pushed: Json = answer.json()
        return pushed

    def start(self, definition: Json | None = None, **body: object) -> str:
        """Start a run; its id."""
        which = {} if definition is None else {"definition": definition}
        answer = self.http.post("/v1/runs", json={**which, **body})
        assert answer.status_code == 202, answer.text
        run_id: str = answer.json()["run_id"]
        return run_id

    def run(self, run_id: str) -> Json:
        """A run as it is now."""
        answer = self.http.get(f"/v1/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        run: Json = answer.json()
        return run

    def ended(self, run_id: str) -> Json:
        """A run when it has ended."""
        return self.when(run_id, *ENDED)

    def when(self, run_id: str, *statuses: str) -> Json:
        """A run when it has one of `statuses`."""
        return until(
            lambda: run if (run := self.run(run_id))["status"] in statuses else None,
            f"{run_id} is {' or '.join(statuses)}",
        )

    def when_node(self, run_id: str, node_id: str, status: str) -> Json:
        """A node of a run when it has a status."""
        return until(
            lambda: next(
                (n for n in self.run(run_id)["nodes"] if n["id"] == node_id and n["status"] == status), None
            ),
            f"{node_id} of {run_id} is {status}",
        )

    def completed(self, definition: Json, **body: object) -> Json:
        """Start a run; when it has completed."""
        run = self.ended(self.start(definition, **body))
        assert run["status"] == "COMPLETED", run
        return run

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What the read model's tables say."""
        with psycopg.connect(self.first.postgres_dsn) as connection:
            return connection.execute(query.encode(), parameters).fetchall()


@contextmanager
def running(data_dir: Path, *options: str, **variables: str) -> Iterator[Stack]:
    """Start the stack, wait until it is ready; stop it at the end and see that nothing of it is left."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AOB_")}
    env = inherited | {"AOB_DATA_DIR": str(data_dir)} | variables
    log = data_dir.parent / f"{data_dir.name}.log"
    with log.open("ab") as output:
        process = subprocess.Popen([*AOB, "dev", *options], env=env, cwd=ROOT, stdout=output, stderr=output)
    try:
        until(
            lambda: (data_dir / "dev.json").exists() or process.poll() is not None, "the stack is up", START_S
        )
        assert process.poll() is None, log.read_text()[-4000:]
        stack = Stack(data_dir, process, env)
        yield stack
        stop(stack)
    finally:
        # Its children end with it.
        process.kill()
        process.wait()


def stop(stack: Stack) -> None:
    """Ask the stack to end; it has to do so without leaving anything behind."""
    if stack.process.poll() is not None:
        return
    pids = stack.info.pids
    stack.http.close()
    stack.process.terminate()
    assert stack.process.wait(STOP_S) == 0
    left = until_gone(pids)
    assert left == [], left


def until_gone(pids: dict[str, int]) -> Sequence[str]:
    """Names of processes that still run."""
    return [name for name, pid in pids.items() if not gone(pid)]
