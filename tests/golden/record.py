"""Record the logs of the runs below: `python -m tests.golden.record`.

What was recorded once is never written again: later code has to decide it as it was decided then. A new
kind of run gets a new name here; a new `decide_version` a new folder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from tests.golden.logs import Line, Log, write
from tests.support.machine import JobError, Machine

if TYPE_CHECKING:
    from collections.abc import Callable

    from engine.decide import Outcome
    from engine.facts import Fact

FOLDER = Path(__file__).parent / "v1"
Json = dict[str, Any]
RETRY = {"max_attempts": 3, "backoff_ms": 100}


class Recorder(Machine):
    """A machine that keeps every fact with the events that followed."""

    def __init__(self, functions: dict[str, Callable[..., Any]], **options: int) -> None:
        super().__init__(functions, **options)
        self.lines: list[Line] = []

    def tell(self, fact: Fact) -> Outcome:
        at = self.now
        self.now += 7
        outcome = super().tell(fact)
        record = msgspec.Raw(msgspec.json.encode(fact))
        events = [
            msgspec.to_builtins(msgspec.json.decode(msgspec.json.encode(event))) for event in outcome.events
        ]
        self.lines.append(Line(type(fact).__name__, at + 7, record, events))
        return outcome

    def recorded(self) -> Log:
        definitions = {digest: text.decode() for digest, text in self.graphs.definitions.items()}
        return Log(definitions, self.lines)


def function(node_id: str, name: str = "f", **fields: Any) -> Json:  # noqa: ANN401
    return {"id": node_id, "type": "function", "config": {"function": name}, **fields}


def flow(nodes: list[Json], *edges: tuple[str, ...]) -> Json:
    made = [dict(zip(("from", "to", "condition"), edge, strict=False)) for edge in edges]
    return {"name": "golden", "nodes": nodes, "edges": made}


def flaky(times: int) -> Callable[[object], object]:
    """A function whose first calls fail."""
    calls: list[object] = []

    def work(given: object) -> object:
        calls.append(given)
        if len(calls) <= times:
            raise JobError(f"call {len(calls)} fails")
        return {"calls": len(calls)}

    return work


def same(given: object) -> object:
    return given


def broken(_: object) -> object:
    raise JobError("no", code="BROKEN", retryable=False)


def chain() -> Recorder:
    machine = Recorder({"f": same, "flaky": flaky(2)})
    nodes = [function("a"), function("b", "flaky", retry=RETRY), function("c")]
    machine.begin(flow(nodes, ("a", "b"), ("b", "c")), {"n": 1})
    return machine


def branches() -> Recorder:
    machine = Recorder({"f": same, "broken": broken})
    nodes: list[Json] = [
        {"id": "c", "type": "conditional", "config": {"condition": "inputs.n > 3"}},
        function("yes"),
        function("no"),
        function("bad", "broken", on_error={"goto": "rescue"}),
        function("rescue"),
        function("skipped", "broken", on_error="skip"),
        {"id": "any", "type": "join", "join": "any"},
        {"id": "two", "type": "join", "join": {"count": 2}, "on_error": "skip"},
    ]
    edges = [
        ("c", "yes", "if"),
        ("c", "no", "else"),
        ("yes", "bad"),
        ("yes", "skipped", "output.c"),
        ("no", "any"),
        ("yes", "any"),
        ("rescue", "two"),
        ("skipped", "two"),
    ]
    machine.begin(flow(nodes, *edges), {"n": 4})
    return machine


def wide_map() -> Recorder:
    machine = Recorder({"f": same, "flaky": flaky(5)})
    inner = {"type": "function", "config": {"function": "flaky", "inputs": {"x": "${item}"}}, "retry": RETRY}
    config = {"items": "inputs.xs", "node": inner, "max_concurrency": 5, "on_item_error": "collect"}
    nodes = [
        {"id": "m", "type": "map", "config": config},
        {"id": "s", "type": "aggregate", "config": {"items": "nodes.m.output", "strategy": "count"}},
    ]
    machine.begin(flow(nodes, ("m", "s")), {"xs": list(range(30))})
    return machine


def loop() -> Recorder:
    machine = Recorder({"f": same})
    inner = {"type": "transform", "config": {"expression": "iteration * 2"}}
    config = {
        "node": inner,
        "condition": "output < 6",
        "max_iterations": 9,
        "break_path": ["b"],
        "timeout_path": ["t"],
    }
    short = {**config, "max_iterations": 2, "break_path": [], "timeout_path": ["t"]}
    nodes: list[Json] = [
        {"id": "l", "type": "loop", "config": config},
        {"id": "k", "type": "loop", "config": short, "timeout_ms": 5000},
        function("b"),
        {"id": "t", "type": "join", "join": "any"},
    ]
    machine.begin(flow(nodes))
    return machine


def children() -> Recorder:
    machine = Recorder({"f": same, "flaky": flaky(1)})
    child = flow([function("c", "flaky"), function("d")], ("c", "d"))
    config = {"definition": child, "inputs": {"v": "${inputs.n}"}}
    nodes = [{"id": "a", "type": "composite", "config": config, "retry": RETRY, "timeout_ms": 9000}]
    machine.begin(flow([*nodes, function("z")], ("a", "z")), {"n": 1})
    return machine


def waits() -> Recorder:
    machine = Recorder({"f": same})
    nodes: list[Json] = [
        {"id": "s", "type": "wait", "config": {"signal": "go"}},
        {"id": "t", "type": "wait", "config": {"signal": "never"}, "timeout_ms": 500, "on_error": "skip"},
        {"id": "d", "type": "wait", "config": {"duration_ms": 300}},
        function("z"),
    ]
    machine.start(flow(nodes, ("s", "z"), ("t", "z"), ("d", "z")))
    machine.signal("early", 1)
    machine.pause()
    machine.signal("go", {"n": 2})
    machine.fire()
    machine.settle()
    machine.resume()
    machine.run()
    return machine


def cancelled() -> Recorder:
    machine = Recorder({"f": same, "undo": flaky(1)})
    nodes = [
        function("a", compensate="ua"),
        function("b", compensate="ub"),
        function("c"),
        function("ua"),
        function("ub", "undo", retry=RETRY),
    ]
    machine.start(flow(nodes, ("a", "b"), ("b", "c")), {"n": 1})
    machine.finish("a")
    machine.finish("b")
    machine.cancel(reply_to=3)
    machine.run()
    return machine


def failed() -> Recorder:
    machine = Recorder({"f": same, "broken": broken})
    items = {"items": "[1, 2, 3]", "node": {"type": "function", "config": {"function": "broken"}}}
    nodes = [
        function("a", compensate="u"),
        {"id": "m", "type": "map", "config": items},
        function("beside"),
        function("u"),
    ]
    machine.begin(flow(nodes, ("a", "m"), ("a", "beside")))
    return machine


def deferred() -> Recorder:
    machine = Recorder({"f": lambda _: 1})
    nodes = [{"id": "p", "type": "parallel"}, *(function(f"n{index}") for index in range(170))]
    machine.begin(flow(nodes, *(("p", f"n{index}") for index in range(170))))
    return machine


def references() -> Recorder:
    machine = Recorder({"f": lambda given: {"pad": "x" * 80, "n": given}}, inline_limit=60)
    inner = {"type": "function", "config": {"function": "f", "inputs": {"x": "${item}"}}}
    nodes = [
        function("a"),
        {"id": "m", "type": "map", "config": {"items": "inputs.xs", "node": inner}},
        {
            "id": "k",
            "type": "filter",
            "config": {"items": "nodes.m.output", "condition": "size(item.pad) > 1"},
        },
        {"id": "j", "type": "join"},
    ]
    edges = [("a", "m", "size(output.pad) > 10"), ("a", "j", "else"), ("m", "k"), ("k", "j"), ("a", "k")]
    machine.begin(flow(nodes, *edges), {"xs": list(range(40))})
    return machine


RUNS = [chain, branches, wide_map, loop, children, waits, cancelled, failed, deferred, references]


def record() -> list[Path]:
    """Record what is not recorded yet; the files written."""
    FOLDER.mkdir(exist_ok=True)
    paths = [(FOLDER / f"{run.__name__}.json", run) for run in RUNS]
    missing = [(path, run) for path, run in paths if not path.exists()]
    for path, run in missing:
        write(path, run().recorded())
    return [path for path, _ in missing]


if __name__ == "__main__":
    record()
