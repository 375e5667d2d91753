"""A partition whose record cannot be handled now waits, the others go on, and nothing is passed by."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from engine.decision import Decision
from engine.facts import RunAdmitted, RunRefused
from engine.model import canonical
from storage.cas import FolderStore
from storage.kafka.topics import DEAD_LETTERS, NODE_RESULTS, WORKFLOW_EVENTS
from storage.wire import decode, encode
from tests.support.kafka import committed, ends, free_port, processor, produce, read_until, ready, wait_until

if TYPE_CHECKING:
    from confluent_kafka import Message

    from engine.facts import Fact
    from tests.support.kafka import Installation

WORKFLOW = b'{"name": "w", "nodes": [{"id": "a", "type": "start", "config": {}}], "edges": []}'


def refused(run_id: str) -> RunRefused:
    """A fact that needs no graph."""
    return RunRefused(workspace="w", run_id=run_id, command_id="c", author="u", code="NO", message="no")


def decided(messages: list[Message]) -> list[str]:
    """Runs, in the order of their partitions' decisions."""
    decisions = [decode(message.value()) for message in messages]
    return [decision.run_id for decision in decisions if isinstance(decision, Decision)]


def test_without_the_cas_one_partition_waits_and_the_others_go_on(installation: Installation) -> None:
    cas = Path(installation.env["AOB_CAS_DIR"])
    text, digest = canonical(WORKFLOW)
    FolderStore(cas).put(text)
    held = RunAdmitted(workspace="w", run_id="r0_held", command_id="c", author="u", graph=digest)
    early, late = ([refused(f"r0_{name}{number}") for number in range(400)] for name in "el")
    port = free_port()
    with processor(installation, "coordinator", AOB_HEALTH_PORT=str(port)):
        wait_until(lambda: ready(port), "it is ready")
        gone = cas.rename(cas.with_name("gone"))
        facts: list[Fact] = [*early, held, *late]
        produce(installation.bootstrap, NODE_RESULTS, [(f.run_id.encode(), encode(f)) for f in facts])
        log = read_until(installation.bootstrap, NODE_RESULTS, lambda found: len(found) >= len(facts))
        stop = next(message for message in log if message.key() == b"r0_held")
        behind = {
            message.key().decode()
            for message in log
            if message.partition() == stop.partition() and message.offset() >= stop.offset()
        }
        others = {fact.run_id for fact in facts} - behind
        assert len(behind) > 1
        before = read_until(
            installation.bootstrap, WORKFLOW_EVENTS, lambda found: others <= set(decided(found))
        )
        assert not behind & set(decided(before))
        wait_until(
            lambda: (
                sum(committed(installation.bootstrap, "aob.coordinator", NODE_RESULTS).values())
                >= len(others)
            ),
            "what was decided on is committed",
        )
        assert (
            committed(installation.bootstrap, "aob.coordinator", NODE_RESULTS)[stop.partition()]
            <= stop.offset()
        )
        gone.rename(cas)
        after = read_until(
            installation.bootstrap, WORKFLOW_EVENTS, lambda found: behind <= set(decided(found))
        )
    in_order = decided([message for message in after if message.partition() == stop.partition()])
    assert len(in_order) == len(set(in_order)), "each was decided on once"
    assert next(run_id for run_id in in_order if run_id in behind) == "r0_held"
    assert sum(ends(installation.bootstrap, DEAD_LETTERS).values()) == 0
