"""Where a runner begins."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

import uvloop

from storage import heap
from storage.cas import CasError, open_store
from storage.functions import REGISTRY, FunctionLoadError, load_functions
from storage.kafka.admin import TopicsError, check_topics
from workers.broker.kafka_cancels import KafkaCancels
from workers.broker.kafka_outlet import KafkaOutlet
from workers.broker.kafka_source import KafkaSource
from workers.http import AllowList, HttpClient
from workers.runner.blobs import Blobs
from workers.runner.limits import Limits
from workers.runner.runner import Runner
from workers.runner.threads import Threads
from workers.runner.work import Work
from workers.settings import RunnerSettings

if TYPE_CHECKING:
    from storage.cas import ContentStore

logger = logging.getLogger(__name__)

STOPPED = 0
FAILED = 1
MISCONFIGURED = 2
"""Starting again without a change will not help."""


def main() -> int:
    """Run jobs until SIGTERM or SIGINT (`STOPPED`) or an error that a new start may mend (`FAILED`)."""
    settings = RunnerSettings()
    try:
        load_functions(settings.function_modules)
        store = open_store(settings)
        check_topics(settings)
    except (FunctionLoadError, CasError, TopicsError) as error:
        logger.error("the runner cannot start: %s", error)  # noqa: TRY400 (the sentence says all)
        return MISCONFIGURED
    try:
        uvloop.run(_serve(settings, store))
    except Exception:
        logger.exception("the runner ends; what it had not finished runs elsewhere")
        return FAILED
    logger.info("the runner has stopped")
    return STOPPED


async def _serve(settings: RunnerSettings, store: ContentStore) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        http = HttpClient(
            AllowList(settings.http_allow),
            max_bytes=settings.http_max_bytes,
            timeout_s=settings.http_timeout_seconds,
            ca_file=settings.http_ca_file,
        )
        stack.push_async_callback(http.close)
        runner = _runner(settings, store, http)
        if settings.health_port is not None:
            from storage.health import HealthServer  # noqa: PLC0415 (without a port it is not needed)

            health = HealthServer(settings.health_port, lambda: runner.unready)
            health.start()
            stack.callback(health.stop)
        logger.info("the runner knows %s functions: %s", len(REGISTRY), ", ".join(REGISTRY.names()))
        heap.settle()
        await runner.run(stop)


def _runner(settings: RunnerSettings, store: ContentStore, http: HttpClient) -> Runner:
    bootstrap, instance = settings.kafka_bootstrap, settings.instance_id
    outlet = KafkaOutlet(bootstrap)
    threads = Threads(settings.threads)
    work = Work(
        registry=REGISTRY,
        threads=threads,
        blobs=Blobs(store, settings.blob_cache_bytes),
        http=http,
        outlet=outlet,
    )
    return Runner(
        sources=[KafkaSource(bootstrap, queue, instance) for queue in settings.queue_names],
        cancels=KafkaCancels(bootstrap, instance),
        outlet=outlet,
        work=work,
        threads=threads,
        worker=f"runner.{instance}",
        limits=Limits(in_flight=settings.in_flight, drain_s=settings.drain_seconds),
    )
