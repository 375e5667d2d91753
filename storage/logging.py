"""Logs: one JSON object a line (or text for people) on stderr, from our code and from libraries alike."""

from __future__ import annotations

import logging
import re
import sys
from typing import TYPE_CHECKING, Final

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict, Processor, WrappedLogger

    from storage.settings import Settings

REDACTED: Final = "[redacted]"

_SECRET_KEY = re.compile(r"token|authorization|password|passwd|secret|dsn|cookie|api_?key", re.IGNORECASE)
_SECRET_TEXT: Final = (
    (re.compile(r"(\w+://[^\s:/@]*:)[^\s@/]+@"), rf"\1{REDACTED}@"),
    (re.compile(r"\b(bearer)\s+[\w.~+/=-]+", re.IGNORECASE), rf"\1 {REDACTED}"),
    (re.compile(r"\b(password|secret|token)=('[^']*'|[^\s'&]+)", re.IGNORECASE), rf"\1={REDACTED}"),
)

# They bring handlers of their own; as long as they find one, they leave theirs out.
_OWN_HANDLERS: Final = ("quixstreams", "uvicorn", "uvicorn.error", "uvicorn.access")

# A line a request or a connection: of use only to who looks for trouble in them.
_CHATTY: Final = ("httpx", "httpcore", "urllib3", "psycopg.pool", "asyncio")


def redact(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Hide what is secret by the name of its field, or by how it looks inside a text."""
    # uvicorn's message once more, for terminals.
    event.pop("color_message", None)
    return {key: _hidden(str(key), value) for key, value in event.items()}


def _hidden(key: str, value: object) -> object:
    if isinstance(value, dict):
        return {name: _hidden(str(name), item) for name, item in value.items()}
    if value is not None and _SECRET_KEY.search(key):
        return REDACTED
    if isinstance(value, list | tuple):
        return [_hidden(key, item) for item in value]
    if isinstance(value, str):
        return _masked(value)
    return value


def _masked(text: str) -> str:
    for pattern, replacement in _SECRET_TEXT:
        text = pattern.sub(replacement, text)
    return text


def configure(settings: Settings, process: str) -> None:
    """Send all logs of this process to stderr, each line with the process's name and instance.

    Fields whose names speak of secrets are hidden, and so are passwords in connection strings. Calling it
    again replaces what was configured before.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _naming(process, settings.instance_id),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *_rendering(settings)],
        )
    )
    _install(handler, level)


def _naming(process: str, instance: str) -> Processor:
    def name(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        event.setdefault("process", process)
        event.setdefault("instance", instance)
        return event

    return name


def _rendering(settings: Settings) -> list[Processor]:
    # Tracebacks become text before `redact`, so that it sees them; never with the values of variables.
    if settings.log_format == "json":
        return [
            structlog.processors.format_exc_info,
            redact,
            structlog.processors.JSONRenderer(default=str),
        ]
    console = structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )
    return [structlog.processors.format_exc_info, redact, console]


def _install(handler: logging.Handler, level: int) -> None:
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in _OWN_HANDLERS:
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.propagate = False
        logger.setLevel(level)
    for name in _CHATTY:
        logging.getLogger(name).setLevel(max(level, logging.WARNING) if level > logging.DEBUG else level)
