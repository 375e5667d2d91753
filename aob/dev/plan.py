from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from aob.dev.ports import HOST, PortBook
from aob.dev.probes import http_ready
from aob.dev.process import ProcessSpec

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from aob.dev.data_dir import DataDir
    from aob.dev.keys import Keys
    from aob.dev.service import Service

# Two, so that what happens between partitions happens here too.
MIN_PARTITIONS, MAX_PARTITIONS = 2, 8
PROCESSORS = ("admission", "materializer", "coordinator", "timers", "outbox")
# What may take as long as its process is asked to wait: short here, where somebody waits for the end.
DRAINS = {"api": "AOB_API_DRAIN_S", "fanout": "AOB_FANOUT_DRAIN_S", "runner": "AOB_DRAIN_SECONDS"}
DRAIN_S = 2.0
# Beyond the drain: a last commit, what is handed back, and connections that close.
STOP_MARGIN_S = 8.0
# Client settings of whoever starts the stack; the processes have their own keys.
NOT_PASSED_ON = frozenset({"AOB_API_KEY", "AOB_API_URL"})


@dataclass(frozen=True, slots=True, kw_only=True)
class DevOptions:
    """What `aob dev` was asked for.

    Args:
        data_dir: Folder that keeps everything.
        port: Port of the api; 8080 or any free one when None.
        fanout_port: Port of the live feed; 8081 or any free one when None.
        broker: HOST:PORT of a Kafka that runs; AOB_KAFKA_BOOTSTRAP when None; embedded without either.
        functions: Modules whose functions the runners offer.
        coordinators: How many coordinators share the work.
        runners: How many runners share the work.
        log_level: Lowest level that the processes log: debug, info, warning or error.
        quiet: Show warnings and errors only; the log files hold all.
        start_timeout_s: Seconds that everything together has to become ready.
        command: What starts a process, before its name.
        only: Run these processes instead of the stack.
    """

    data_dir: Path = Path(".aob")
    port: int | None = None
    fanout_port: int | None = None
    broker: str | None = None
    functions: tuple[str, ...] = ()
    coordinators: int = 1
    runners: int = 1
    log_level: str = "info"
    quiet: bool = False
    start_timeout_s: float = 120.0
    command: tuple[str, ...] = (sys.executable, "-m", "aob")
    only: tuple[ProcessSpec, ...] | None = None


@dataclass(frozen=True, slots=True)
class Ports:
    """The two ports that users see."""

    api: int
    fanout: int

    @property
    def api_url(self) -> str:
        """Base URL of the api."""
        return f"http://{HOST}:{self.api}"

    @property
    def fanout_url(self) -> str:
        """Base URL of the live feed."""
        return f"http://{HOST}:{self.fanout}"


def allot_ports(book: PortBook, options: DevOptions) -> Ports:
    """Choose the ports of api and fanout: those asked for, the remembered ones, the usual ones, or free ones.

    Raises:
        DevError: One that was asked for is taken.
    """
    api = book.allot("api", 8080) if options.port is None else book.claim("api", options.port, "--port")
    asked = options.fanout_port
    fanout = book.allot("fanout", 8081) if asked is None else book.claim("fanout", asked, "--fanout-port")
    return Ports(api, fanout)


def default_partitions(options: DevOptions) -> int:
    """Partitions of the run-keyed topics on a new broker: what one machine can work on at once.

    Each partition is a request of its own for every client: more than there are cores cost without a gain.
    """
    wanted = max(os.cpu_count() or 1, options.coordinators, options.runners)
    return min(max(wanted, MIN_PARTITIONS), MAX_PARTITIONS)


class Plan:
    """Every process of the stack, described.

    Args:
        options: What was asked for.
        data_dir: Where state and blobs go.
        book: Allots the ports of health endpoints.
        ports: Ports of api and fanout.
        keys: Secrets, handed on by environment only.
        services: The broker, then the database.
        partitions: Of the run-keyed topics.
    """

    def __init__(
        self,
        options: DevOptions,
        data_dir: DataDir,
        book: PortBook,
        ports: Ports,
        keys: Keys,
        services: tuple[Service, Service],
        partitions: int,
    ) -> None:
        self._options, self._data_dir, self._book, self._ports, self._keys = (
            options,
            data_dir,
            book,
            ports,
            keys,
        )
        self._broker, self._database = services
        self._partitions = partitions
        self._services = tuple(service.spec.name for service in services if service.spec)

    def specs(self) -> list[ProcessSpec]:
        """Return the one-shots first, then what runs on."""
        return [*self._preparations(), *self._long_running()]

    def _preparations(self) -> Iterator[ProcessSpec]:
        for name, *arguments in (("migrate",), ("topics", "create")):
            yield ProcessSpec(
                name=name,
                argv=(*self._options.command, name, *arguments),
                env=self._environment(name),
                depends_on=self._services,
                one_shot=True,
                # A failure shows the end of its log.
                on_console=False,
            )

    def _long_running(self) -> Iterator[ProcessSpec]:
        counts = {"coordinator": self._options.coordinators}
        for name in PROCESSORS:
            for index in range(counts.get(name, 1)):
                yield self._process(name, index)
        yield self._process("fanout", 0, self._ports.fanout_url)
        yield self._process("api", 0, self._ports.api_url, {"AOB_BOOTSTRAP_API_KEY": self._keys.api_key})
        for index in range(self._options.runners):
            yield self._process("runner", index)

    def _process(
        self, name: str, index: int, url: str | None = None, extra: Mapping[str, str] | None = None
    ) -> ProcessSpec:
        port = self._book.allot(f"health.{name}.{index}")
        url = url or f"http://{HOST}:{port}"
        own = {"AOB_HEALTH_PORT": str(port), **(extra or {})}
        return ProcessSpec(
            name=f"{name}.{index}",
            argv=(*self._options.command, name),
            env=self._environment(f"{name}-{index}") | own,
            depends_on=(*self._services, "migrate", "topics"),
            probe=http_ready(url),
            health_url=url,
            stop_after_s=_drain_s(name) + STOP_MARGIN_S,
        )

    def _environment(self, instance: str) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in NOT_PASSED_ON}
        functions = {"AOB_FUNCTIONS": ",".join(self._options.functions)} if self._options.functions else {}
        return (
            dict.fromkeys(DRAINS.values(), f"{DRAIN_S:g}")
            | inherited
            | functions
            | {
                "AOB_KAFKA_BOOTSTRAP": self._broker.address,
                "AOB_POSTGRES_DSN": self._database.address,
                "AOB_DATA_DIR": str(self._data_dir.data),
                "AOB_STATE_DIR": str(self._data_dir.state / instance),
                "AOB_CAS_DIR": str(self._data_dir.cas),
                "AOB_JWT_SECRET": self._keys.jwt_secret,
                "AOB_API_HOST": HOST,
                "AOB_API_PORT": str(self._ports.api),
                "AOB_FANOUT_HOST": HOST,
                "AOB_FANOUT_PORT": str(self._ports.fanout),
                "AOB_FANOUT_URL": self._ports.fanout_url,
                "AOB_INSTANCE_ID": instance,
                "AOB_PARTITIONS": str(self._partitions),
                "AOB_REPLICATION_FACTOR": "1",
                "AOB_ENVIRONMENT": "dev",
                "AOB_LOG_FORMAT": "json",
                "AOB_LOG_LEVEL": self._options.log_level,
                "PYTHONUNBUFFERED": "1",
            }
        )


def _drain_s(name: str) -> float:
    """How long a process may drain; one that cannot read its setting does not start anyway."""
    try:
        return float(os.environ.get(DRAINS[name], DRAIN_S)) if name in DRAINS else 0.0
    except ValueError:
        return DRAIN_S
