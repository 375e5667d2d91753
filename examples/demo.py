"""`make demo`: the whole stack, one real workflow, its live timeline, its result."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi

from examples.server import flaky_server

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent
WORKFLOW = ROOT / "certificates" / "workflow.json"
AOB = (sys.executable, "-m", "aob")
START_TIMEOUT_S = 180.0
YEARS = 3


def main() -> int:
    """Run the demo; 0 when the run ends as COMPLETED."""
    with tempfile.TemporaryDirectory(prefix="aob-demo-") as folder:
        data_dir = Path(folder) / "data"
        with flaky_server(Path(certifi.where())) as url, stack(data_dir, url) as environment:
            return show(environment, url)


@contextmanager
def stack(data_dir: Path, url: str) -> Iterator[dict[str, str]]:
    """`aob dev` with the example's functions, allowed to fetch from our server; yields the environment."""
    environment = {**os.environ, "AOB_DATA_DIR": str(data_dir), "AOB_HTTP_ALLOW": url.split("/")[2]}
    command = [
        *AOB,
        "dev",
        "--data-dir",
        str(data_dir),
        "--functions",
        "examples.certificates.tasks",
        "--quiet",
    ]
    say("starting the stack: broker, Postgres, processors, API, feed, runner")
    began = time.monotonic()
    process = subprocess.Popen(command, env=environment)
    try:
        while not (data_dir / "dev.json").exists():
            if process.poll() is not None or time.monotonic() - began > START_TIMEOUT_S:
                raise SystemExit("the stack did not start; what it said is above")
            time.sleep(0.05)
        say(f"ready after {time.monotonic() - began:.1f} s")
        yield environment
    finally:
        process.terminate()
        process.wait()


def show(environment: dict[str, str], url: str) -> int:
    """Upload, start, watch, and print the result."""
    aob(environment, "workflow", "push", str(WORKFLOW))
    before = (datetime.now(UTC) + timedelta(days=365 * YEARS)).date().isoformat()
    inputs = json.dumps({"url": url, "before": before})
    say(f"which root certificates expire before {before}?")
    started = json.loads(
        aob(environment, "run", "start", "certificates", "--inputs", inputs, "--output", "json")
    )
    run_id = started["run_id"]
    subprocess.run([*AOB, "logs", "stream", run_id], env=environment, check=True)
    run: dict[str, Any] = json.loads(aob(environment, "run", "status", run_id, "--output", "json"))
    print(json.dumps(run.get("output"), indent=2, ensure_ascii=False))
    print(f"status: {run['status']}")
    return 0 if run["status"] == "COMPLETED" else 1


def aob(environment: dict[str, str], *arguments: str) -> str:
    """Run the CLI and give what it printed on stdout."""
    done = subprocess.run([*AOB, *arguments], env=environment, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def say(text: str) -> None:
    """Chat goes to stderr."""
    print(f"demo: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
