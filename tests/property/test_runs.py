"""Random graphs, random answers, in a random order: what holds of every run."""

from __future__ import annotations

from contextlib import ExitStack
from random import Random
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.state.status import COMPLETED
from tests.property.oracle import expected, observe
from tests.property.workflows import inputs, workflows
from tests.property.world import World
from tests.support.machine import RUN

if TYPE_CHECKING:
    from collections.abc import Iterator

INLINE_LIMITS = (16 * 1024, 50)
"""With the lower one most payloads travel by reference, so that runners evaluate most expressions."""

SMALL_BOUNDS = {
    "engine.flow.turn.EVENT_LIMIT": 4,
    "engine.flow.maps.GATHER_ITEMS": 2,
    "engine.flow.starts.STARTS_IN_STEP": 2,
    "engine.flow.steps.STEPS_IN_CHUNK": 3,
    "engine.flow.stopping.NODES_IN_STEP": 3,
    "engine.flow.stopping.EVENTS_IN_STEP": 2,
    "engine.flow.edges.EDGE_WINDOW": 2,
    "engine.appliers.changes.EDGE_WINDOW": 2,
    "engine.appliers.sweep.KEYS_IN_SWEEP": 3,
    "engine.state.run_state.ITEMS_IN_CHUNK": 2,
}
"""Bounds that small graphs meet all the time."""

BOUNDS: dict[str, dict[str, int]] = {
    "usual bounds": {},
    "small bounds": SMALL_BOUNDS,
    "a step at a time": {"engine.flow.turn.EVENT_LIMIT": 2},
}


@pytest.fixture(params=BOUNDS, scope="module")
def bounds(request: pytest.FixtureRequest) -> Iterator[None]:
    with ExitStack() as stack:
        for name, bound in BOUNDS[request.param].items():
            stack.enter_context(patch(name, bound))
        yield


@pytest.mark.usefixtures("bounds")
@given(
    workflow=workflows(),
    given_inputs=inputs(),
    inline_limit=st.sampled_from(INLINE_LIMITS),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=200)
def test_any_run_ends_as_its_graph_says(
    workflow: dict[str, Any], given_inputs: dict[str, Any], inline_limit: int, seed: int
) -> None:
    random = Random(seed)
    world = World(random, inline_limit=inline_limit)
    world.start(workflow, given_inputs)
    world.go(random.choice([0, 30, 100, 300]))
    world.finish_all()
    world.check_ends()
    check_nodes(world, workflow, given_inputs)


def check_nodes(world: World, workflow: dict[str, Any], given_inputs: dict[str, Any]) -> None:
    """No node ran that should not have run, and in a run that completed every node did as it should."""
    seen = observe(workflow, world.events[RUN], world.values)
    completed = world.state().header.status == COMPLETED
    undone = {node.get("compensate") for node in workflow["nodes"]}
    should = expected(workflow, given_inputs, seen)
    for node_id, verdict in should.items():
        did = seen[node_id].verdict
        if node_id in undone:
            assert not (completed and did != "nothing"), f"{node_id} compensates a run that completed"
        elif completed or did != "nothing":
            assert did == verdict, f"{node_id} {did}, but its edges say {verdict}"
