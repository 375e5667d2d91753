"""`RunState`: a run's keys, decoded on demand, changed in memory, written at the end of a decision."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar, cast

import msgspec

from engine.events import RunStarted
from engine.state.records import NodeState, RunHeader, Signals, Steps

if TYPE_CHECKING:
    from engine.graph import Graph
    from engine.state.views import GraphSource, KeyValue
    from engine.step import Step

ITEMS_IN_CHUNK: Final = 32
"""Reading one item costs decoding its chunk: bounded, whatever the width of the map."""

FORGOTTEN_KEYS: Final = 20_000
"""Names of forgotten keys that are kept to know which others cannot exist."""

_HEADER: Final = "h"
_START: Final = "s"

_encode = msgspec.json.Encoder().encode
_T = TypeVar("_T")
_DECODERS: Final[dict[type, msgspec.json.Decoder[object]]] = {
    kind: msgspec.json.Decoder(kind) for kind in (RunHeader, RunStarted, NodeState, Signals, Steps)
}
_items: Final = msgspec.json.Decoder(list[msgspec.Raw])


def _item_key(path: str, chunk: int) -> str:
    return f"i/{path}/{chunk}"


class RunState:
    """One run over a key-value store. Nothing reaches the store before `flush`."""

    __slots__ = (
        "_cache",
        "_dirty",
        "_forgotten",
        "_graph",
        "_graphs",
        "_header",
        "_is_whole",
        "_sizes",
        "_store",
        "run_id",
        "weight",
    )

    def __init__(self, run_id: str, store: KeyValue, graphs: GraphSource) -> None:
        self.run_id = run_id
        self._store = store
        self._graphs = graphs
        self._graph: Graph | None = None
        self._header: RunHeader | None = None
        self._cache: dict[str, object] = {}
        self._dirty: set[str] = set()
        # Bytes of each key that is in memory and in the store, and their sum.
        self._sizes: dict[str, int] = {}
        self.weight = 0
        # All keys of the run are in memory or were forgotten by `trim`: no other is in the store.
        self._is_whole = False
        self._forgotten: set[str] = set()

    def rebind(self, store: KeyValue) -> None:
        """Go on with another view of the same keys, which nobody else has written since `flush`."""
        self._store = store

    def trim(self, keys: int, weight: int) -> None:
        """Forget what was written, down to half of `keys` and of `weight` (bytes), if more of either is held.

        Items and iterations go first: most of them are not read again. To be called after `flush`.
        """
        if len(self._cache) <= keys and self.weight <= weight:
            return
        parts = [key for key in self._cache if "[" in key or "#" in key or key.startswith("i/")]
        others = [key for key in self._cache if key not in {_HEADER, _START}]
        for key in (*parts, *others):
            if len(self._cache) <= keys // 2 and self.weight <= weight // 2:
                break
            self._cache.pop(key, None)
            if key in self._sizes:
                self._forgotten.add(key)
            self._weigh(key, None)
        if len(self._forgotten) > FORGOTTEN_KEYS:
            self._forgotten.clear()
            self._is_whole = False

    def _weigh(self, key: str, size: int | None) -> None:
        """Note how many bytes of a key are stored and held; None when it is not, or not any more."""
        self.weight -= self._sizes.pop(key, 0)
        if size is not None:
            self._sizes[key] = size
            self.weight += size

    def _load(self, key: str, kind: type[_T]) -> _T | None:
        if key in self._cache:
            return self._cache[key]  # type: ignore[return-value]  # each key holds one kind
        data = self._read(key)
        value = None
        if data is not None:
            value = _DECODERS[kind].decode(data)
            self._weigh(key, len(data))
        self._cache[key] = value
        return value  # type: ignore[return-value]  # what the decoder of `kind` gives

    def _read(self, key: str) -> bytes | None:
        return None if self._is_whole and key not in self._forgotten else self._store.get(key)

    def _edit(self, key: str, kind: type[_T]) -> _T:
        value = self._load(key, kind)
        if value is None:
            value = kind()
            self._cache[key] = value
        self._dirty.add(key)
        return value

    def _put(self, key: str, value: object) -> None:
        self._cache[key] = value
        self._dirty.add(key)

    @property
    def known(self) -> bool:
        """Whether anything was ever decided for the run."""
        return self._header is not None or self._load_header() is not None

    @property
    def header(self) -> RunHeader:
        """The run itself; KeyError when it is not known."""
        header = self._header or self._load_header()
        if header is None:
            raise KeyError(self.run_id)
        return header

    def _load_header(self) -> RunHeader | None:
        # Read many times in a decision: kept apart from the other keys.
        self._header = self._load(_HEADER, RunHeader)
        return self._header

    @property
    def start(self) -> RunStarted:
        """What the run began with."""
        start = self._load(_START, RunStarted)
        if start is None:
            raise KeyError(self.run_id)
        return start

    @property
    def graph(self) -> Graph:
        """The compiled graph."""
        if self._graph is None:
            self._graph = self._graphs.load(self.header.graph)
        return self._graph

    def node(self, path: str) -> NodeState:
        """A node instance; a fresh PENDING one when nothing is known of it."""
        return self._load(f"n/{path}", NodeState) or NodeState()

    def item(self, path: str, index: int) -> msgspec.Raw:
        """Item `index` of the map at `path`."""
        key = _item_key(path, index // ITEMS_IN_CHUNK)
        chunk = self._cache.get(key)
        if chunk is None:
            data = self._read(key) or b"[]"
            chunk = _items.decode(data)
            self._cache[key] = chunk
            self._weigh(key, len(data))
        return cast("list[msgspec.Raw]", chunk)[index % ITEMS_IN_CHUNK]

    def signals(self, name: str) -> Signals:
        """What is known of a signal."""
        return self._load(f"g/{name}", Signals) or Signals()

    def steps(self, chunk: int) -> list[Step]:
        """Deferred steps."""
        steps = self._load(f"q/{chunk}", Steps)
        return [] if steps is None else steps.steps

    def create(self, header: RunHeader) -> None:
        """Begin the run: without a header it has no keys."""
        self._put(_HEADER, header)
        self._header = header
        self._is_whole = True

    def set_start(self, event: RunStarted) -> None:
        """Keep what the run began with."""
        self._put(_START, event)

    def edit_header(self) -> RunHeader:
        """The header, to be changed."""
        self._dirty.add(_HEADER)
        return self.header

    def edit_node(self, path: str) -> NodeState:
        """A node instance, to be changed."""
        return self._edit(f"n/{path}", NodeState)

    def edit_signals(self, name: str) -> Signals:
        """A signal's state, to be changed."""
        return self._edit(f"g/{name}", Signals)

    def put_items(self, path: str, items: list[msgspec.Raw]) -> None:
        """Keep the items of a map in chunks."""
        for first in range(0, len(items), ITEMS_IN_CHUNK):
            self._put(_item_key(path, first // ITEMS_IN_CHUNK), items[first : first + ITEMS_IN_CHUNK])

    def put_steps(self, chunk: int, steps: list[Step]) -> None:
        """Keep deferred steps."""
        self._put(f"q/{chunk}", Steps(steps))

    def drop_steps(self, chunk: int) -> None:
        """Forget deferred steps that are being taken."""
        self._put(f"q/{chunk}", None)

    def drop_node(self, path: str) -> None:
        """Forget a node instance that nothing will read again."""
        self._put(f"n/{path}", None)

    def drop_items(self, path: str, index: int) -> None:
        """Forget the items of the chunk that begins with item `index`, if one does."""
        if index % ITEMS_IN_CHUNK == 0:
            self._put(_item_key(path, index // ITEMS_IN_CHUNK), None)

    def drop_signals(self, name: str) -> None:
        """Forget a signal."""
        self._put(f"g/{name}", None)

    def drop_start(self) -> None:
        """Forget what the run began with."""
        self._put(_START, None)

    def flush(self) -> None:
        """Write what changed. The order of keys does not matter: the store keeps all of them or none."""
        for key in self._dirty:
            value = self._cache[key]
            if value is not None:
                data = _encode(value)
                self._store.set(key, data)
                self._weigh(key, len(data))
            elif key in self._sizes or self._read(key) is not None:
                self._store.delete(key)
                self._weigh(key, None)
        self._dirty.clear()

    def snapshot(self) -> dict[str, bytes]:
        """What `flush` would write, by key (for comparing two states)."""
        return {key: _encode(self._cache[key]) for key in sorted(self._dirty) if self._cache[key] is not None}
