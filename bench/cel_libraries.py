"""Compare CEL libraries: conformance, microseconds an evaluation, import; the tables of decision 0003.

Run `python -m bench.cel_libraries [--differences]` with the development packages installed.
"""

from __future__ import annotations

import base64
import importlib
import json
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Scope = dict[str, object]
    Run = Callable[[], object]
    Prepare = Callable[[str, Scope], Run]

CASES = Path(__file__).parents[1] / "tests" / "unit" / "expressions" / "conformance.json"

SCOPE: dict[str, object] = {
    "inputs": {
        "order_id": "o-123",
        "customer": {"name": "Ann", "tier": "gold", "tags": ["a", "b", "c"]},
        "limit": 100,
        "items": [{"sku": f"s{i}", "price": i * 1.5, "quantity": i} for i in range(10)],
    },
    "nodes": {
        "fetch": {
            "output": {
                "status": 200,
                "headers": {"content-type": "application/json", "etag": "abc"},
                "body": {"rows": [{"id": i, "value": i * i, "name": f"n{i}"} for i in range(20)]},
            }
        },
        "score": {"output": {"score": 0.87, "label": "ok", "reasons": ["r1", "r2", "r3"]}},
    },
    "output": {"ok": True, "count": 3},
    "rows": [{"v": i} for i in range(1000)],
}

EXPRESSIONS = {
    "condition": ("output.count > 2", ("output",)),
    "path": ("nodes.score.output.score > 0.5", ("inputs", "nodes")),
    "two paths": (
        "inputs.customer.tier == 'gold' && nodes.fetch.output.status == 200",
        ("inputs", "nodes"),
    ),
    "filter 20": ("nodes.fetch.output.body.rows.filter(r, r.value > 100)", ("inputs", "nodes")),
    "filter 1000": ("rows.filter(r, r.v > 10)", ("rows",)),
}


def prepare_cel(source: str, scope: Scope) -> Run:
    cel = importlib.import_module("cel")
    program = cel.compile(source)
    return lambda: program.execute(scope)


def prepare_cel_expr(source: str, scope: Scope) -> Run:
    cel = importlib.import_module("cel_expr_python.cel")
    program = cel.NewEnv(variables=dict.fromkeys(scope, cel.Type.DYN)).compile(source)

    def run() -> object:
        result = program.eval(data=scope)
        if result.type() == cel.Type.ERROR:
            raise ValueError(result.plain_value())
        return result.plain_value()

    return run


def prepare_celpy(source: str, scope: Scope) -> Run:
    celpy = importlib.import_module("celpy")
    environment = celpy.Environment()
    program = environment.program(environment.compile(source))
    return lambda: program.evaluate({name: celpy.json_to_cel(value) for name, value in scope.items()})


def prepare_engine(source: str, scope: Scope) -> Run:
    expressions = importlib.import_module("engine.expressions")
    expression = expressions.compile_expression(source, roots=frozenset(scope))
    return lambda: expression.evaluate(scope)


LIBRARIES: dict[str, tuple[str, Prepare]] = {
    "common-expression-language": ("cel", prepare_cel),
    "cel-expr-python": ("cel_expr_python.cel", prepare_cel_expr),
    "cel-python": ("celpy", prepare_celpy),
    "engine.expressions": ("engine.expressions", prepare_engine),
}


def plain(value: Any) -> tuple[str, object]:  # noqa: ANN401 (every library has value types of its own)
    """Kind and JSON form of a result."""
    if isinstance(value, list):
        return "list", [plain(item)[1] for item in value]
    if isinstance(value, dict):
        return "map", {plain(key)[1]: plain(item)[1] for key, item in value.items()}
    if type(value).__name__ == "BoolType":
        return "bool", bool(value)
    kinds: dict[type, tuple[str, Callable[[Any], object]]] = {
        type(None): ("null", lambda _: None),
        bool: ("bool", bool),
        int: ("int", int),
        float: ("double", float),
        str: ("string", str),
        bytes: ("bytes", lambda data: base64.b64encode(data).decode()),
        bytearray: ("bytes", lambda data: base64.b64encode(data).decode()),
        datetime: ("timestamp", lambda at: at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")),
        timedelta: ("duration", lambda span: f"{int(span.total_seconds())}s"),
    }
    for kind, (name, convert) in kinds.items():
        if isinstance(value, kind):
            return name, convert(value)
    return type(value).__name__, repr(value)


def conforms(prepare: Prepare, case: dict[str, Any]) -> str:
    """Empty if the case gives what CEL says, else what it gave."""
    ((kind, wanted),) = case["expect"].items()
    try:
        got, value = plain(prepare(case["expression"], case.get("scope", {}))())
    except BaseException as error:  # noqa: BLE001 (a native library's panic is a BaseException)
        return "" if kind == "error" else f"error {str(error)[:80]!r}"
    texts = ("timestamp", "duration", "bytes", "string")
    same = got == ("int" if kind == "uint" else kind) or (kind in texts and got in texts)
    return "" if same and value == wanted else f"{got} {value!r}"


def microseconds(run: Run) -> float:
    """The best of three rounds of about 0.3 s."""
    started = time.perf_counter()
    run()
    times = max(1, min(20_000, int(0.3 / max(time.perf_counter() - started, 1e-6))))
    best = float("inf")
    for _ in range(3):
        started = time.perf_counter()
        for _ in range(times):
            run()
        best = min(best, (time.perf_counter() - started) / times)
    return best * 1e6


def import_cost(module: str) -> str:
    """Milliseconds and resident megabytes of an import in a fresh process."""
    code = (
        "import psutil, time; memory = psutil.Process().memory_info; before = memory().rss;"
        f" started = time.perf_counter(); import {module}; spent = time.perf_counter() - started;"
        " print(f'{spent * 1e3:.0f} ms, {(memory().rss - before) / 1e6:.0f} MB')"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def order_is_stable(prepare: Prepare) -> bool:
    """Whether a macro walks one map in the same order in every evaluation."""
    scope: Scope = {"m": dict.fromkeys("qwertyuiop", 1)}
    return len({json.dumps(plain(prepare("m.map(k, k)", scope)())[1]) for _ in range(20)}) == 1


def main() -> None:
    cases: list[dict[str, Any]] = json.loads(CASES.read_text(encoding="utf-8"))
    rows = [["", *LIBRARIES]]
    wrong = {name: {c["name"]: conforms(p, c) for c in cases} for name, (_, p) in LIBRARIES.items()}
    counts = [str(sum(not result for result in results.values())) for results in wrong.values()]
    rows.append([f"conformance, of {len(cases)}", *counts])
    rows.append(["import", *(import_cost(module) for module, _ in LIBRARIES.values())])
    stable = ["yes" if order_is_stable(p) else "no" for _, p in LIBRARIES.values()]
    rows.append(["maps in one order", *stable])
    for label, (source, roots) in EXPRESSIONS.items():
        scope = {root: SCOPE[root] for root in roots}
        runs = [prepare(source, scope) for _, prepare in LIBRARIES.values()]
        rows.append([f"{label}, us", *(f"{microseconds(run):.1f}" for run in runs)])
    rows.insert(1, ["---"] * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(row) + " |")
    if "--differences" in sys.argv:
        for name, results in wrong.items():
            print(f"\n{name}")
            for case, result in results.items():
                if result:
                    print(f"- {case}: {result}")


if __name__ == "__main__":
    main()
