"""The two faces of a run's state: deciders read, appliers write."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import msgspec

    from engine.events import RunStarted
    from engine.graph import Graph
    from engine.state.records import NodeState, RunHeader, Signals
    from engine.step import Step


class KeyValue(Protocol):
    """The keys of one run in a store."""

    def get(self, key: str) -> bytes | None:
        """The value, or None."""

    def set(self, key: str, value: bytes) -> None:
        """Write a value."""

    def delete(self, key: str) -> None:
        """Remove a key that exists."""


class GraphSource(Protocol):
    """Where compiled graphs come from."""

    def load(self, digest: str) -> Graph:
        """The graph of a definition's hash."""


class RunView(Protocol):
    """What may be asked of a run. What it hands out must not be changed."""

    @property
    def known(self) -> bool:
        """Whether anything was ever decided for the run."""

    @property
    def header(self) -> RunHeader:
        """The run itself."""

    @property
    def start(self) -> RunStarted:
        """What the run began with."""

    @property
    def graph(self) -> Graph:
        """The graph of the present revision."""

    @property
    def run_id(self) -> str:
        """The id."""

    def node(self, path: str) -> NodeState:
        """A node instance; a fresh PENDING one when nothing is known of it."""

    def item(self, path: str, index: int) -> msgspec.Raw:
        """Item `index` of the map at `path`, as JSON."""

    def signals(self, name: str) -> Signals:
        """What is known of a signal."""

    def steps(self, chunk: int) -> list[Step]:
        """Deferred steps."""


class MutableRun(RunView, Protocol):
    """What appliers may do with a run."""

    def create(self, header: RunHeader) -> None:
        """Begin the run."""

    def set_start(self, event: RunStarted) -> None:
        """Keep what the run began with."""

    def edit_header(self) -> RunHeader:
        """The header, to be changed."""

    def edit_node(self, path: str) -> NodeState:
        """A node instance, to be changed."""

    def edit_signals(self, name: str) -> Signals:
        """A signal's state, to be changed."""

    def put_items(self, path: str, items: list[msgspec.Raw]) -> None:
        """Keep the items of a map in chunks."""

    def put_steps(self, chunk: int, steps: list[Step]) -> None:
        """Keep deferred steps."""

    def drop_steps(self, chunk: int) -> None:
        """Forget deferred steps that are being taken."""

    def drop_node(self, path: str) -> None:
        """Forget a node instance that nothing will read again."""

    def drop_items(self, path: str, index: int) -> None:
        """Forget the items of the chunk that begins with item `index`, if one does."""

    def drop_signals(self, name: str) -> None:
        """Forget a signal."""

    def drop_start(self) -> None:
        """Forget what the run began with."""
