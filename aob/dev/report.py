from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from aob.dev.data_dir import DataDir, write_private

if TYPE_CHECKING:
    from aob.dev.keys import Keys
    from aob.dev.plan import Ports
    from aob.dev.service import Service
    from aob.dev.supervisor import Supervisor


def write_dev_json(
    data_dir: DataDir,
    ports: Ports,
    keys: Keys,
    services: tuple[Service, Service] | None,
    supervisor: Supervisor,
) -> None:
    """Write what scripts and tests need to reach the running stack, readable by its owner only.

    `{api_url, fanout_url, api_key, kafka, postgres_dsn, pids: {"coordinator.0": 123}, health: {...: URL}}`
    """
    broker, database = services or (None, None)
    pids = supervisor.pids
    content = {
        "api_url": ports.api_url,
        "fanout_url": ports.fanout_url,
        "api_key": keys.api_key,
        "kafka": broker.address if broker else None,
        "postgres_dsn": database.address if database else None,
        "pids": pids,
        "health": {spec.name: spec.health_url for spec in supervisor.specs if spec.health_url},
    }
    write_private(data_dir.dev_json, orjson.dumps(content, option=orjson.OPT_INDENT_2))


def banner(data_dir: DataDir, ports: Ports, services: tuple[Service, Service] | None, seconds: float) -> str:
    """Return what a person wants to know when all is ready."""
    root = _short(data_dir.root)
    rows = [
        ("api", ports.api_url),
        ("live feed", ports.fanout_url),
        ("key", f'"api_key" in {root / "dev.json"}'),
    ]
    rows += zip(("broker", "database"), (service.description for service in services or ()), strict=False)
    rows += [("logs", str(root / "logs"))]
    hints = (
        "aob workflow push FILE",
        "aob run start FILE --wait",
        "aob logs stream RUN",
        "Ctrl-C stops everything",
    )
    return "\n".join(
        [f"\naob is ready after {seconds:.1f} s", *(f"  {name:<10}{value}" for name, value in rows), "Try:"]
        + [f"  {hint}" for hint in hints]
        + [""]
    )


def _short(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
