"""The same log gives the same decisions in any process, whatever its hash seed."""

from __future__ import annotations

import os
import subprocess
import sys
from hashlib import sha256
from pathlib import Path
from random import Random

import msgspec

from tests.property.workflows import CHILD
from tests.property.world import World

ROOT = Path(__file__).parents[2]
SCRIPT = "from tests.property.test_purity import digest; print(digest())"
INPUTS = {"b0": True, "b1": False, "b2": True, "xs": [5, 1, 4, 2], "ys": ["y"], "pad": "p"}
FUNCTION = {"type": "function", "config": {"function": "f"}, "retry": {"max_attempts": 3, "backoff_ms": 1}}
WORKFLOW = {
    "name": "pure",
    "nodes": [
        {"id": "a", **FUNCTION, "compensate": "u"},
        {"id": "c", "type": "conditional", "config": {"condition": "inputs.b0 && !inputs.b1"}},
        {
            "id": "m",
            "type": "map",
            "config": {"items": "inputs.xs", "node": FUNCTION, "on_item_error": "collect"},
        },
        {
            "id": "g",
            "type": "aggregate",
            "config": {"items": "inputs.xs", "strategy": "group", "by": "item % 2"},
        },
        {"id": "k", "type": "composite", "config": {"definition": CHILD}, "on_error": "skip"},
        {"id": "w", "type": "wait", "config": {"signal": "s0"}},
        {"id": "j", "type": "join", "join": {"count": 2}, "on_error": {"goto": "z"}},
        {"id": "z", "type": "transform", "config": {"expression": "{'x': inputs.xs, 'a': has(nodes.a)}"}},
        {"id": "u", **FUNCTION},
    ],
    "edges": [
        {"from": "a", "to": "m", "condition": "output.ok"},
        {"from": "c", "to": "g", "condition": "if"},
        {"from": "c", "to": "k", "condition": "else"},
        {"from": "c", "to": "w"},
        {"from": "m", "to": "j"},
        {"from": "g", "to": "j"},
        {"from": "k", "to": "j"},
        {"from": "w", "to": "j"},
    ],
}


def digest() -> str:
    """What many runs of one graph came to, as one number."""

    total = sha256()
    for seed in range(10):
        world = World(Random(seed), inline_limit=50 if seed % 2 else 16 * 1024)
        world.start(WORKFLOW, INPUTS)
        world.go(60)
        world.finish_all()
        for run_id in sorted(world.stores):
            total.update(msgspec.json.encode([world.events[run_id], world.decisions[run_id]]))
            total.update(world.stores[run_id]["h"])
    return total.hexdigest()


def test_another_process_decides_the_same() -> None:
    def in_process(hash_seed: str) -> str:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            capture_output=True,
            check=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            text=True,
            timeout=60,
        )
        return done.stdout.strip()

    assert in_process("1") == in_process("2") == digest()
