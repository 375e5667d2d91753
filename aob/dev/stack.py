from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
from confluent_kafka import KafkaException

from aob.dev.broker import embedded_broker, external_broker, kafka_java
from aob.dev.console import Console
from aob.dev.data_dir import DataDir, locked, open_data_dir, write_private
from aob.dev.database import embedded_postgres, external_postgres
from aob.dev.errors import DevError
from aob.dev.keys import Keys, load_keys
from aob.dev.plan import DevOptions, Plan, Ports, allot_ports, default_partitions
from aob.dev.ports import PortBook
from aob.dev.probes import cluster_metadata
from aob.dev.report import banner, write_dev_json
from aob.dev.service import Service
from aob.dev.supervisor import Supervisor
from storage.kafka.topics import NODE_RESULTS

if TYPE_CHECKING:
    from collections.abc import Iterator

EXIT_OK, EXIT_ERROR, EXIT_INTERRUPTED = 0, 1, 130
Services = tuple[Service, Service]


async def run_dev(options: DevOptions) -> int:
    """Run the whole stack until it is asked to stop.

    Must run in the main thread: it handles SIGINT and SIGTERM, and the kernel ends the processes with the
    thread that started them. A second signal kills what has not stopped yet.

    Args:
        options: What to run and where.

    Returns:
        Exit code: 130 after Ctrl-C, 0 after SIGTERM, 1 when the stack could not start (said on stderr).
    """
    console = Console(sys.stderr, "warning" if options.quiet else options.log_level)
    began = time.monotonic()
    try:
        data_dir = open_data_dir(options.data_dir)
        with locked(data_dir) as lock:
            data_dir.dev_json.unlink(missing_ok=True)
            return await _Stack(options, data_dir, console, lock, began).run()
    except DevError as error:
        console.alarm(f"aob dev: {error}")
        return EXIT_ERROR


class _Stack:
    def __init__(
        self, options: DevOptions, data_dir: DataDir, console: Console, lock: int, began: float
    ) -> None:
        self._options, self._data_dir, self._console, self._lock, self._began = (
            options,
            data_dir,
            console,
            lock,
            began,
        )
        self._book = PortBook(data_dir.ports_file)
        self._ports: Ports = allot_ports(self._book, options)
        self._keys: Keys = load_keys(data_dir.secrets_file)
        self._services: Services | None = None
        self._ready = False
        self._supervisor = Supervisor(console, data_dir.logs, on_spawn=self._on_spawn)

    async def run(self) -> int:
        """Start, wait for a signal, stop."""
        with _signals(self._supervisor) as signalled:
            starting = asyncio.create_task(self._start(), name="start of the stack")
            try:
                async with self._supervisor:
                    await _first_of(starting, signalled)
                    if starting.done():
                        starting.result()
                        await signalled
                    starting.cancel()
                    self._console.note("stopping; Ctrl-C once more kills what still works")
            finally:
                self._data_dir.dev_json.unlink(missing_ok=True)
            return EXIT_INTERRUPTED if signalled.result() == signal.SIGINT else EXIT_OK

    async def _start(self) -> None:
        deadline = time.monotonic() + self._options.start_timeout_s
        if self._options.only is None:
            self._services = await self._prepare_services()
            infrastructure = [service.spec for service in self._services if service.spec]
            await self._supervisor.start(infrastructure, deadline - time.monotonic())
            found = await asyncio.to_thread(_check_cluster, self._data_dir, self._services[0])
            partitions = found or default_partitions(self._options)
            plan = Plan(
                self._options, self._data_dir, self._book, self._ports, self._keys, self._services, partitions
            )
            specs = plan.specs()
        else:
            specs = list(self._options.only)
        await self._supervisor.start(specs, deadline - time.monotonic())
        self._ready = True
        self._on_spawn()
        took_s = time.monotonic() - self._began
        self._console.note(banner(self._data_dir, self._ports, self._services, took_s))

    async def _prepare_services(self) -> Services:
        bootstrap = self._options.broker or os.environ.get("AOB_KAFKA_BOOTSTRAP")
        dsn = os.environ.get("AOB_POSTGRES_DSN")
        java = None if bootstrap else await asyncio.to_thread(kafka_java)
        if not bootstrap and java is None:
            if self._data_dir.cluster_file.exists():
                self._console.alarm(
                    f"the data in {self._data_dir.root} belong to another broker, for which Java or Maven "
                    "is missing: they stay as they are, and this start begins without them"
                )
            self._data_dir = self._data_dir.forgetful()
        folders = self._data_dir

        def broker() -> Service:
            if bootstrap:
                return external_broker(bootstrap)
            return self._held(embedded_broker(folders.kafka, java, self._book, self._console.note))

        def database() -> Service:
            return external_postgres(dsn) if dsn else self._held(embedded_postgres(folders.postgres))

        return await asyncio.gather(asyncio.to_thread(broker), asyncio.to_thread(database))

    def _held(self, service: Service) -> Service:
        """Let the process keep the data dir's lock: it writes there as long as it lives, also without us."""
        spec = service.spec and replace(service.spec, inherited_fds=(self._lock,))
        return replace(service, spec=spec)

    def _on_spawn(self) -> None:
        if self._ready:
            write_dev_json(self._data_dir, self._ports, self._keys, self._services, self._supervisor)


def _check_cluster(data_dir: DataDir, broker: Service) -> int:
    """Refuse a data dir whose state came from another cluster: its offsets point into another log.

    Returns:
        The partitions of run-keyed topics there; 0 on a new broker.
    """
    try:
        metadata = cluster_metadata(broker.address, timeout_s=3.0)
    except KafkaException as error:
        raise DevError(f"the broker does not tell its cluster id: {error.args[0].str()}") from error
    found = metadata.cluster_id
    if data_dir.cluster_file.exists():
        known = orjson.loads(data_dir.cluster_file.read_bytes())["cluster_id"]
        if known != found:
            raise DevError(
                f"the data dir {data_dir.root} belongs to Kafka cluster {known}, the broker is {found}. "
                "Choose another --data-dir for this broker, or go back to the other broker."
            )
    else:
        write_private(data_dir.cluster_file, orjson.dumps({"cluster_id": found}))
    runs = metadata.topics.get(NODE_RESULTS)
    return 0 if runs is None else len(runs.partitions)


async def _first_of(*awaited: asyncio.Future[None] | asyncio.Future[signal.Signals]) -> None:
    await asyncio.wait(awaited, return_when=asyncio.FIRST_COMPLETED)


@contextmanager
def _signals(supervisor: Supervisor) -> Iterator[asyncio.Future[signal.Signals]]:
    """Yield a future of the first SIGINT or SIGTERM; the second one kills everything."""
    loop = asyncio.get_running_loop()
    signalled: asyncio.Future[signal.Signals] = loop.create_future()

    def handle(received: signal.Signals) -> None:
        if signalled.done():
            supervisor.kill()
        else:
            signalled.set_result(received)

    handled = (signal.SIGINT, signal.SIGTERM)
    for received in handled:
        loop.add_signal_handler(received, handle, received)
    try:
        yield signalled
    finally:
        for received in handled:
            loop.remove_signal_handler(received)
