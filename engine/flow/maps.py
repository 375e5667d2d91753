"""Maps: a window of items under way, then the results in item order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from engine.effects import ScopeEntry
from engine.errors import NodeError
from engine.events import NodeStarted
from engine.expressions import ExpressionError
from engine.flow.begin import begin
from engine.flow.inputs import Remote, resolve
from engine.flow.jobs import schedule_work
from engine.flow.scope import checked
from engine.flow.settle import arm, fail, succeed
from engine.ids import aux_path, item_path
from engine.payload import GATHER_LIMIT, Payload, inline, inline_json
from engine.state import Box, NodeState, NodeStatus

if TYPE_CHECKING:
    from engine.flow.turn import Turn

FILL_WINDOW: Final = 40
"""Items begun by one step, so that a decision stays bounded."""

GATHER_ITEMS: Final = 2000
"""Items read by one step of gathering: so few parts that the word about all of them fits one record."""

MAX_ITEMS: Final = 100_000
"""Items of a map; more are for several maps."""

_raws: Final = msgspec.json.Decoder(list[msgspec.Raw])
_EMPTY_LIST: Final = inline([])


def open_map(turn: Turn, path: str, attempt: int) -> None:
    """Step `open_map`: work out the items (over large data a runner does), unless the run stops by now."""
    state = turn.run.node(path)
    if state.status is not NodeStatus.PENDING or state.resolving or turn.run.header.stopping:
        return
    work_out_items(turn, path, attempt)


def work_out_items(turn: Turn, path: str, attempt: int) -> None:
    """Open the map, or go on opening it when what was too large for a job has been stored."""
    try:
        source = resolve(turn, path, turn.run.graph.node(path).body, GATHER_LIMIT)
    except ExpressionError as error:
        fail(turn, path, attempt, NodeError(error.code, error.message, path))
        return
    if isinstance(source, Remote):
        schedule_work(turn, aux_path(path, "items"), 1, source)
    else:
        open_with(turn, path, source, len(_raws.decode(source.raw)))


def open_with(turn: Turn, path: str, items: Payload, total: int) -> None:
    """Open the map over `total` items, inline or in the CAS."""
    node = turn.run.graph.node(path)
    if total > MAX_ITEMS:
        message = f"`{path}` maps over {total} items; {MAX_ITEMS} are the most"
        fail(turn, path, 1, NodeError("MAP_TOO_LARGE", message, path))
        return
    size = items.size if items.ref is None else 0
    turn.emit(NodeStarted(path=path, attempt=1, node_type="map", total=total, items=items), size)
    if node.body.timeout_ms is not None:
        arm(turn, path, 1, "timeout", turn.at + node.body.timeout_ms)
    turn.push("fill", path)


def fill(turn: Turn, path: str, _cursor: int) -> None:
    """Step `fill`: begin items while the window has room; gather when all are done."""
    state = turn.run.node(path)
    box = state.box
    if not state.status.live or box is None or turn.run.header.stopping:
        return
    window = turn.run.graph.node(path).max_concurrency
    begun = 0
    while box.live < window and box.next < box.total and begun < FILL_WINDOW and not turn.full:
        begin(turn, item_path(path, box.next), 1)
        begun += 1
        if not turn.run.node(path).status.live:
            return
    if box.live < window and box.next < box.total:
        turn.push("fill", path)
    elif box.done == box.total:
        _finish(turn, path, box)


def _finish(turn: Turn, path: str, box: Box) -> None:
    if box.total == 0:
        succeed(turn, path, 1, _EMPTY_LIST)
    elif box.refs == 0 and box.bytes <= GATHER_LIMIT and box.total <= GATHER_ITEMS:
        parts = [_element(turn.run.node(item_path(path, index))) for index in range(box.total)]
        joined = b",".join(bytes(part.raw) for part in parts)
        try:
            output = checked(inline_json(b"[" + joined + b"]"))
        except ExpressionError as error:
            fail(turn, path, 1, NodeError(error.code, error.message, path))
            return
        succeed(turn, path, 1, output)
    else:
        turn.push("gather", path)


def _element(item: NodeState) -> Payload:
    """What stands for an item in the result: its output, or the error that was collected."""
    if item.output is not None:
        return item.output
    return inline({"error": item.error})


def gather(turn: Turn, path: str, _cursor: int) -> None:
    """Step `gather`: hand the next outputs to a runner, which puts them together into one list."""
    state = turn.run.node(path)
    box = state.box
    if not state.status.live or box is None or box.covered >= box.total:
        return
    scope: list[ScopeEntry] = []
    run: list[bytes] = []
    size, index = 0, box.covered
    last = min(box.total, index + GATHER_ITEMS)
    while index < last and size < GATHER_LIMIT:
        element = _element(turn.run.node(item_path(path, index)))
        if element.ref is None:
            run.append(bytes(element.raw))
            size += element.size
        else:
            _close(scope, run)
            scope.append(ScopeEntry(name="element", payload=element))
            size += 200
        index += 1
    _close(scope, run)
    part = aux_path(path, f"gather.{len(box.parts)}")
    schedule_work(turn, part, 1, Remote("gather", None, scope), kind="gather", covers=index - box.covered)
    if box.covered < box.total:
        turn.push("gather", path)


def _close(scope: list[ScopeEntry], run: list[bytes]) -> None:
    if run:
        scope.append(ScopeEntry(name="list", payload=inline_json(b"[" + b",".join(run) + b"]")))
        run.clear()


def part_gathered(turn: Turn, path: str) -> None:
    """A part came back: with all of them there, put the parts together."""
    box = turn.run.node(path).box
    if box is None or box.covered < box.total or box.gathered < len(box.parts):
        return
    parts = [part for part in box.parts if part is not None]
    if len(parts) == 1:
        succeed(turn, path, 1, parts[0])
        return
    whole = aux_path(path, "gather")
    if turn.run.node(whole).status is not NodeStatus.PENDING:
        return  # the last parts came while the run was paused: each of them finds all there
    scope = [ScopeEntry(name="list", payload=part) for part in parts]
    schedule_work(turn, whole, 1, Remote("gather", None, scope), kind="gather")
