"""`python -m bench [SCENARIO ...]`: figures on stdout, and as JSON in the file that BENCH_JSON names."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from pathlib import Path

from bench.driver import Driver
from bench.footprint import Bytes, footprint
from bench.scenarios import SCENARIOS, Figures
from bench.stack import Stack, running

FLOORS = {
    "chain10": ("steps_per_s", 3000, 7500),
    "single1": ("runs_per_s", 1500, 3500),
    "single1_http": ("runs_per_s", 500, None),
    "idle": ("ms_per_step_p50", 4, 1.5),
    "fan100": ("steps_per_s", 3000, None),
    "wide": ("last_over_first", 1.5, None),
}
_STEPS_OF_CHAIN10 = 15_000


def main() -> int:
    """Run the scenarios, one stack for all; then two coordinators and two runners."""
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument(
        "scenarios", nargs="*", help=f"of {', '.join([*SCENARIOS, 'footprint', 'two'])}; all by default"
    )
    parser.add_argument("--coordinators", type=int, default=1)
    parser.add_argument("--runners", type=int, default=1)
    chosen = parser.parse_args()
    names = chosen.scenarios or [*SCENARIOS, "footprint", "two"]
    results: dict[str, Figures] = {}
    alone = [name for name in names if name != "two"]
    if alone:
        with running(chosen.coordinators, chosen.runners) as stack:
            results |= _measure(stack, alone)
    if "two" in names:
        with running(2, 2) as stack:
            results |= {
                f"two_{name}": figures for name, figures in _measure(stack, ["chain10", "single1"]).items()
            }
    if os.environ.get("BENCH_JSON"):
        machine = {"cpus": os.cpu_count(), "machine": platform.machine(), "python": platform.python_version()}
        Path(os.environ["BENCH_JSON"]).write_text(
            json.dumps({"machine": machine, **results}, indent=2) + "\n"
        )
    return 0


def _measure(stack: Stack, names: list[str]) -> dict[str, Figures]:
    driver = Driver(stack)
    results: dict[str, Figures] = {}
    weighed = Bytes(stack)
    for name in names:
        cpu = stack.cpu_seconds()
        if name == "footprint":
            results[name] = footprint(driver) | {f"peak_mb_{key}": size for key, size in stack.peaks.items()}
        else:
            results[name] = SCENARIOS[name](driver)
            stack.memory()
        if name == "chain10":
            results[name] |= weighed.a_step(_STEPS_OF_CHAIN10)
        after = stack.cpu_seconds()
        results[name] |= {
            f"cpu_s_{key}": after[key] - cpu.get(key, 0)
            for key in after
            if after[key] - cpu.get(key, 0) > 0.05
        }
        _print(name, results[name])
    driver.close()
    return results


def _print(name: str, figures: Figures) -> None:
    floor = FLOORS.get(name)
    note = (
        f"   (floor of {floor[0]}: {floor[1]}" + (f", goal {floor[2]})" if floor[2] else ")") if floor else ""
    )
    print(f"{name}{note}")
    for key, value in figures.items():
        print(f"  {key:32} {value:12,.2f}")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
