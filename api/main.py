"""Where the api begins."""

from __future__ import annotations

import asyncio
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

import structlog
import uvicorn
import uvloop

from api.app import create_app
from api.housekeeping import housekeeping
from api.opening import StartUpError, open_services
from api.settings import ApiSettings
from storage import heap

if TYPE_CHECKING:
    from collections.abc import Iterator

STOPPED = 0
FAILED = 1

log = structlog.get_logger(__name__)


class _Server(uvicorn.Server):
    """Leaves signals to `_serve`: uvicorn would raise them again before the services are closed."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def main() -> int:
    """Serve until SIGTERM or SIGINT (0), or say why not (1). Wrong settings: pydantic's ValidationError."""
    settings = ApiSettings()
    try:
        uvloop.run(_serve(settings))
    except StartUpError as error:
        log.error("api.cannot_start", reason=str(error))  # noqa: TRY400 (the sentence says all)
        return FAILED
    except SystemExit as stopped:
        # What uvicorn does when its port is taken; it has said so.
        return stopped.code if isinstance(stopped.code, int) else FAILED
    return STOPPED


async def _serve(settings: ApiSettings) -> None:
    async with open_services(settings) as services, housekeeping(services):
        config = uvicorn.Config(
            create_app(services),
            host=settings.api_host,
            port=settings.api_port,
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=False,
            timeout_graceful_shutdown=settings.api_drain_s,
        )
        server = _Server(config)
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, server)
        log.info("api.serving", host=settings.api_host, port=settings.api_port)
        heap.settle()
        await server.serve()


def _stop(server: uvicorn.Server) -> None:
    """Finish what is in flight; the second signal does not wait for it."""
    server.force_exit = server.should_exit
    server.should_exit = True
