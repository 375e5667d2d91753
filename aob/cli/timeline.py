"""A run's events as lines that people read: aligned, in colors, with durations."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from rich.text import Text

from aob.cli.output import console, duration, shortened

if TYPE_CHECKING:
    from aob.shapes import Event

_STYLES = {
    "completed": "bold green",
    "succeeded": "green",
    "failed": "bold red",
    "rejected": "bold red",
    "failing": "red",
    "retrying": "yellow",
    "cancelled": "magenta",
    "cancelling": "magenta",
    "paused": "yellow",
    "resumed": "cyan",
    "started": "cyan",
    "scheduled": "blue",
}
_DIM = "dim"
_LEVELS = {"debug": _DIM, "warning": "yellow", "error": "red"}
_SHOWN = {"\n": " ⏎ ", "\t": " "}
_TYPE_WIDTH = 14
_NODE_WIDTH = 12
_MOST_WIDTH = 40
_ENDS = frozenset({"node.succeeded", "node.failed", "node.retrying", "node.cancelled"})


class TimelineWriter:
    """Writes events to stdout as they come; times count from the first one it was given."""

    def __init__(self) -> None:
        self._console = console()
        self._began: int | None = None
        self._since: dict[str, int] = {}
        self._node_width = _NODE_WIDTH

    def write(self, event: Event) -> None:
        """Write one event, cut off at the edge of a terminal."""
        line = self.line(event)
        if self._console.is_terminal:
            self._console.print(line, soft_wrap=False, no_wrap=True, overflow="ellipsis")
        else:
            self._console.print(line)

    def line(self, event: Event) -> Text:
        """The line of one event."""
        kind, at, node = event["type"], event["at"], event.get("node_id", "")
        self._began = at if self._began is None else self._began
        self._node_width = min(max(self._node_width, len(node)), _MOST_WIDTH)
        took = self._took(event, node)
        style = _style(event)
        clock = datetime.fromtimestamp(at / 1000, tz=UTC).astimezone()
        line = Text()
        line.append(f"{clock:%H:%M:%S}.{at % 1000:03d} ", _DIM)
        line.append(f"{'+' + duration(max(0, at - self._began)):>9}  ", _DIM)
        line.append(f"{kind:<{_TYPE_WIDTH}}  ", style)
        line.append(f"{node:<{self._node_width}}  ", "bold")
        line.append(f"{took:>8}  ")
        line.append(printable(_detail(event)), style if kind == "log.line" else "")
        line.rstrip()
        return line

    def _took(self, event: Event, node: str) -> str:
        """How long an attempt took: as its worker measured it, else since it was scheduled."""
        data = event["data"]
        if event["type"] in {"node.scheduled", "node.started"}:
            self._since.setdefault(node, event["at"])
            return ""
        if event["type"] not in _ENDS:
            return ""
        since = self._since.pop(node, None)
        if data.get("started_at") is not None and data.get("finished_at") is not None:
            return duration(data["finished_at"] - data["started_at"])
        return "" if since is None else duration(event["at"] - since)


def _style(event: Event) -> str:
    if event["type"] == "log.line":
        return _LEVELS.get(str(event["data"].get("level")), "")
    return _STYLES.get(event["type"].partition(".")[2], _DIM)


def _detail(event: Event) -> str:
    """What matters of an event's data."""
    data = event["data"]
    attempt = data.get("attempt", 1)
    again = f" (attempt {attempt})" if isinstance(attempt, int) and attempt > 1 else ""
    match event["type"]:
        case "log.line":
            detail = str(data.get("message", ""))
        case "run.started":
            version = f" v{data['version']}" if data.get("version") else ""
            detail = f"{data.get('workflow') or ''}{version}"
        case "run.rejected":
            detail = f"{data.get('code')}: {data.get('message')}"
        case "node.scheduled" | "node.started":
            detail = f"{data.get('node_type', '')}{again}"
        case "node.succeeded" | "run.completed" | "signal.kept":
            detail = payload(data.get("output", data.get("payload"))) + again
        case _ if isinstance(data.get("error"), dict):
            detail = f"{data['error'].get('code')}: {data['error'].get('message')}{again}"
        case _:
            detail = str(data.get("reason") or data.get("name") or "")
    return detail


def payload(value: Any) -> str:  # noqa: ANN401 (a payload as events carry it)
    """A payload on one line."""
    if not isinstance(value, dict):
        return ""
    if "ref" in value:
        return f"artifact {str(value['ref'].get('sha256'))[:12]} ({value['ref'].get('size')} bytes)"
    return shortened(value.get("json"))


def printable(text: str) -> str:
    """The text on one line, without what would steer a terminal."""
    return "".join(char if char.isprintable() else _SHOWN.get(char, "·") for char in text)
