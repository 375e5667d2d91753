"""Results on stdout."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from aob.cli.common import OutputFormat

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from rich.console import Console
    from rich.text import Text

STATUS_STYLES = {
    "ACCEPTED": "cyan",
    "RUNNING": "cyan",
    "QUEUED": "cyan",
    "PENDING": "dim",
    "WAITING": "yellow",
    "PAUSED": "yellow",
    "RETRYING": "yellow",
    "COMPLETED": "green",
    "SUCCEEDED": "green",
    "FAILED": "red",
    "REJECTED": "red",
    "CANCELLED": "magenta",
    "SKIPPED": "dim",
}

_WIDE = 10_000
"""Columns when nobody looks: a program that reads on wants whole lines."""


def show(value: object, output: OutputFormat, pretty: Callable[[], None]) -> None:
    """Write a result in the format that was asked for."""
    if output is OutputFormat.pretty:
        pretty()
    else:
        write_json(value, compact=output is OutputFormat.compact)


def write_json(value: object, *, compact: bool) -> None:
    """Write JSON and a line's end."""
    text = (
        json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        if compact
        else json.dumps(value, ensure_ascii=False, indent=2)
    )
    sys.stdout.write(f"{text}\n")


def console() -> Console:
    """A console on stdout: colors only for a terminal without NO_COLOR, and whole lines otherwise."""
    from rich.console import Console

    made = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    return (
        made if made.is_terminal else Console(file=sys.stdout, highlight=False, soft_wrap=True, width=_WIDE)
    )


def table(titles: Sequence[str], rows: Iterable[Sequence[str | Text]]) -> None:
    """Write aligned columns."""
    from rich.table import Table

    made = Table(*titles, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        made.add_row(*row)
    console().print(made)


def fields(pairs: Iterable[tuple[str, str | Text]]) -> None:
    """Write names and values, one pair a line."""
    from rich.table import Table

    made = Table.grid(padding=(0, 2))
    made.add_column(style="bold")
    for name, value in pairs:
        made.add_row(name, value)
    console().print(made)


def status(text: str) -> Text:
    """A status in its color."""
    from rich.text import Text

    return Text(text, style=STATUS_STYLES.get(text, ""))


def moment(at_ms: int | None) -> str:
    """A time as people read it, in local time."""
    if at_ms is None:
        return ""
    return datetime.fromtimestamp(at_ms / 1000, tz=UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def duration(ms: float) -> str:
    """A duration in the unit that suits it."""
    if ms < 1000:  # noqa: PLR2004 (a second)
        return f"{ms:.0f}ms"
    seconds = ms / 1000
    if seconds < 60:  # noqa: PLR2004 (a minute)
        return f"{seconds:.2f}s"
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h{minutes:02d}m{seconds:02d}s" if hours else f"{minutes}m{seconds:02d}s"


def shortened(value: object, limit: int = 100) -> str:
    """A JSON value on one line, cut off when it is long."""
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= limit else text[: limit - 1] + "…"
