from __future__ import annotations

import itertools
import os
from datetime import datetime
from typing import TYPE_CHECKING, TextIO

import orjson
from structlog.dev import ConsoleRenderer

if TYPE_CHECKING:
    from collections.abc import Mapping

LEVELS = {"debug": 10, "info": 20, "warning": 30, "error": 40, "critical": 50}
COLORS = ("36", "32", "35", "33", "34", "96", "92", "95", "93", "94")
LONGEST_LINE = 4_000
# The prefix says it.
NOT_SHOWN = frozenset({"process", "instance"})
BOLD, RED, RESET = "\x1b[1m", "\x1b[1;31m", "\x1b[0m"


class Console:
    """Log lines of all processes on one stream, each behind its process's name.

    JSON objects with `event` and `level` (structlog's) are shown short, other lines as they are.

    Args:
        stream: Where to, usually stderr.
        level: Lowest level to show: debug, info, warning, error or critical.
        colors: Use colors; when None, those who look at a terminal get them, unless NO_COLOR is set.
    """

    def __init__(self, stream: TextIO, level: str = "info", *, colors: bool | None = None) -> None:
        self._stream = stream
        self._threshold = LEVELS[level]
        self._colors = stream.isatty() and "NO_COLOR" not in os.environ if colors is None else colors
        self._next_color = itertools.cycle(COLORS)
        self._prefixes: dict[str, str] = {}
        self._width = 0
        self._render = ConsoleRenderer(colors=self._colors, pad_event_to=0, pad_level=False, sort_keys=False)

    def introduce(self, name: str) -> None:
        """Give a process its color, and all prefixes the width of the longest."""
        self._width = max(self._width, len(name))
        self._prefixes.setdefault(name, next(self._next_color))

    def line(self, name: str, raw: bytes) -> None:
        """Show one line of a process's output, when its level is high enough."""
        fields = _structured(raw)
        if fields is None:
            text = raw[:LONGEST_LINE].decode(errors="replace")
        elif _level(fields) < self._threshold:
            return
        else:
            text = self._short(fields)
        prefix = f"{name:<{self._width}} |"
        if self._colors:
            prefix = f"\x1b[{self._prefixes.get(name, '0')}m{prefix}{RESET}"
        self._write("".join(f"{prefix} {part}\n" for part in text.splitlines() or [""]))

    def last_words(self, text: str) -> str:
        """Return the complaints among a process's last lines as they are shown; all lines without any."""
        lines = text.splitlines()
        parsed = [_structured(line.encode()) for line in lines]
        complaints = [fields is None or _level(fields) >= LEVELS["warning"] for fields in parsed]
        return "\n".join(
            line if fields is None else self._short(fields)
            for line, fields, complains in zip(lines, parsed, complaints, strict=True)
            if complains or not any(complaints)
        )

    def note(self, message: str) -> None:
        """Say something of our own."""
        self._write(f"{BOLD}{message}{RESET}\n" if self._colors else f"{message}\n")

    def alarm(self, message: str) -> None:
        """Say something that needs attention."""
        self._write(f"{RED}{message}{RESET}\n" if self._colors else f"{message}\n")

    def _short(self, fields: Mapping[str, object]) -> str:
        shown = {name: value for name, value in fields.items() if name not in NOT_SHOWN}
        shown["timestamp"] = _clock(fields.get("timestamp"))
        return str(self._render(None, "", shown))[:LONGEST_LINE]

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()


def _structured(raw: bytes) -> dict[str, object] | None:
    if not raw.startswith(b"{"):
        return None
    try:
        fields = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return None
    return fields if isinstance(fields, dict) and {"event", "level"} <= fields.keys() else None


def _level(fields: Mapping[str, object]) -> int:
    return LEVELS.get(str(fields["level"]).lower(), 0)


def _clock(timestamp: object) -> str:
    """Shorten an ISO time to its time of day."""
    try:
        return datetime.fromisoformat(str(timestamp)).strftime("%H:%M:%S.%f")[:-3]
    except ValueError:
        return ""
