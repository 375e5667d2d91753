"""Where the live feed begins."""

from __future__ import annotations

import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn

from fanout.app import Services, create_app
from fanout.hub import Hub
from fanout.projection import ProjectionHistory, StoredKeys
from fanout.settings import FanoutSettings
from fanout.tail import Tail
from storage import heap
from storage.kafka.topics import NODE_LOGS, WORKFLOW_EVENTS
from storage.postgres.api_store import PostgresApiStore
from storage.postgres.pool import Pool
from storage.postgres.read_model import PostgresReadModel
from storage.run_ids import recognise_run_id, run_id_key

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

log = structlog.get_logger(__name__)

STOPPED = 0
FAILED = 1


def main() -> int:
    """Serve the live feed until SIGTERM or SIGINT (0); 1 when it could not start."""
    settings = FanoutSettings()
    services, lifespan = _assemble(settings)
    config = uvicorn.Config(
        create_app(services, lifespan),
        host=settings.fanout_host,
        port=settings.fanout_port,
        loop="uvloop",
        ws="none",
        access_log=False,
        log_config=None,
        timeout_graceful_shutdown=settings.fanout_drain_s,
    )
    server = uvicorn.Server(config)
    # uvicorn raises a signal again when it has served it: then it has nothing more to say.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    heap.settle()
    server.run()
    return STOPPED if server.started else FAILED


def _assemble(settings: FanoutSettings) -> tuple[Services, Callable[[], AbstractAsyncContextManager[None]]]:
    pool = Pool(settings.postgres_dsn.get_secret_value(), name="fanout")
    hub = Hub(ring_bytes=settings.fanout_ring_bytes, buffer_bytes=settings.fanout_buffer_bytes)
    tail = Tail(settings.kafka_bootstrap, (WORKFLOW_EVENTS, NODE_LOGS), hub.publish)
    secret = run_id_key(settings.jwt_secret.get_secret_value())
    services = Services(
        hub=hub,
        history=ProjectionHistory(PostgresReadModel(pool)),
        keys=StoredKeys(PostgresApiStore(pool), trusted_s=settings.fanout_key_cache_s),
        accepted=lambda workspace, run_id: recognise_run_id(secret, workspace, run_id),
        following=lambda: tail.following,
        max_streams=settings.fanout_max_streams,
        heartbeat_s=settings.fanout_heartbeat_s,
        accepted_s=settings.fanout_accepted_s,
    )

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        await pool.open()
        tail.start()
        log.info("fanout.started", host=settings.fanout_host, port=settings.fanout_port)
        try:
            yield
        finally:
            hub.close()
            await tail.stop()
            await pool.close()
            log.info("fanout.stopped")

    return services, lifespan
