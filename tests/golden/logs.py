"""Recorded logs: the facts of whole runs, and the events that followed from each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from engine import facts
from engine.graph import load_graph

if TYPE_CHECKING:
    from pathlib import Path

    from engine.facts import Fact
    from engine.graph import Graph

FACTS: dict[str, type[Fact]] = {
    name: getattr(facts, name) for name in facts.__all__ if name not in {"Fact", "Parent"}
}


class Line(msgspec.Struct):
    """A fact of the log as it stood there at `at` (Unix ms), and the events that were decided on it."""

    fact: str
    at: int
    record: msgspec.Raw
    events: list[Any]

    def read(self) -> Fact:
        """The fact."""
        return msgspec.json.decode(self.record, type=FACTS[self.fact])


class Log(msgspec.Struct):
    """The definitions of the runs by their hash, as text; their facts in the order of reading."""

    definitions: dict[str, str]
    lines: list[Line]

    def load(self, digest: str) -> Graph:
        """`engine.state.GraphSource`."""
        return load_graph(self.definitions[digest].encode(), digest)


def read(path: Path) -> Log:
    """A recorded log."""
    return msgspec.json.decode(path.read_bytes(), type=Log)


def write(path: Path, log: Log) -> None:
    """Write a log, one fact a line."""
    lines = ",\n".join(msgspec.json.encode(line).decode() for line in log.lines)
    definitions = msgspec.json.encode(log.definitions).decode()
    path.write_text(f'{{"definitions":{definitions},\n"lines":[\n{lines}\n]}}\n')
