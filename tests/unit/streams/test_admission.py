"""Admission: what stands in a public record becomes a fact that fits, or is refused, or is laid aside."""

from __future__ import annotations

import pytest

from engine.dead_letter import DeadLetter
from engine.effects import Reply
from engine.facts import CancelRequested, RunAdmitted, RunRefused, SignalReceived
from engine.payload import Payload, Ref, inline, inline_json
from storage.kafka.topics import COMMAND_REPLIES, PUBLIC_BYTES, REPLY_PARTITIONS
from storage.wire import encode
from streams.admission.bounds import PAYLOAD_BYTES, START_MAX_AGE_MS
from tests.unit.streams.admission_world import DEFINITION, LARGE, RUN, World, cancel, signal, start
from tests.unit.streams.public import NOW_MS, signed

NOWHERE = [REPLY_PARTITIONS, 9999, -1, -2, 2**40]


@pytest.fixture
def world() -> World:
    return World()


def test_a_start_is_admitted(world: World) -> None:
    (fact,) = world.tell(start(inputs=inline({"n": 1}), reply_to=3, key="order 1"))
    assert isinstance(fact, RunAdmitted)
    assert (fact.workspace, fact.workflow, fact.key, fact.reply_to) == ("acme", "etl", "order 1", 3)
    assert fact.inputs.value() == {"n": 1}


@pytest.mark.parametrize("garbage", [b"{nope", b"", b"[" * 300 + b"]" * 300, b'"\xff"'])
def test_a_payload_that_is_no_json_is_refused(world: World, garbage: bytes) -> None:
    (reply,) = world.tell(signal(payload=inline_json(garbage)))
    assert isinstance(reply, Reply)
    assert (reply.ok, reply.code, reply.issues[0].pointer) == (False, "JSON_INVALID", "/payload")
    (fact,) = world.tell(start(inputs=inline_json(garbage)))
    assert isinstance(fact, RunRefused)
    assert (fact.code, fact.issues[0].pointer) == ("JSON_INVALID", "/inputs")


def test_a_large_payload_goes_to_the_store(world: World) -> None:
    (told,) = world.tell(signal(payload=inline_json(LARGE)))
    (begun,) = world.tell(start(inputs=inline_json(LARGE)))
    assert isinstance(told, SignalReceived)
    assert isinstance(begun, RunAdmitted)
    assert told.payload == begun.inputs
    assert told.payload.ref is not None
    assert (world.store.get(told.payload.ref), told.payload.size) == (LARGE, len(LARGE))


def test_a_payload_has_a_bound(world: World) -> None:
    (reply,) = world.tell(signal(payload=inline("x" * PAYLOAD_BYTES)))
    assert isinstance(reply, Reply)
    assert reply.code == "PAYLOAD_TOO_LARGE"
    (fact,) = world.tell(start(inputs=inline("x" * PAYLOAD_BYTES)))
    assert isinstance(fact, RunRefused)
    assert fact.code == "PAYLOAD_TOO_LARGE"


def test_nobody_reads_by_a_hash_what_belongs_to_another_workspace(world: World) -> None:
    secret = Payload(ref=world.store.put(b'{"salary": 1}'))
    digest = world.store.put(DEFINITION).sha256
    for command in (start(inputs=secret), start(definition=None, definition_hash=digest)):
        for role in ("admin", "member", "service"):
            (fact,) = world.tell(command, signed("other", role))
            assert isinstance(fact, RunRefused)
            assert fact.code == "REFERENCE_FORBIDDEN"
    (reply,) = world.tell(signal(payload=secret), signed("other"))
    assert isinstance(reply, Reply)
    assert reply.code == "REFERENCE_FORBIDDEN"


def test_the_api_refers_to_what_it_has_stored(world: World) -> None:
    stored = world.store.put(LARGE)
    lying = Payload(ref=Ref(stored.sha256, 5, "a\0b"))
    digest = world.store.put(DEFINITION).sha256
    headers = signed(vouched=True)
    (begun,) = world.tell(start(definition=None, definition_hash=digest, version=4, inputs=lying), headers)
    (told,) = world.tell(signal(payload=lying), headers)
    assert isinstance(begun, RunAdmitted)
    assert isinstance(told, SignalReceived)
    assert (begun.graph, begun.version) == (digest, 4)
    assert begun.inputs == told.payload == Payload(ref=stored)

    gone = Payload(ref=Ref("0" * 64, 5))
    (fact,) = world.tell(start(inputs=gone), headers)
    assert isinstance(fact, RunRefused)
    assert fact.code == "INPUTS_MISSING"


@pytest.mark.parametrize("reply_to", NOWHERE)
def test_a_reply_that_can_go_nowhere_is_not_waited_for(world: World, reply_to: int) -> None:
    facts = world.tell(start(reply_to=reply_to)) + world.tell(cancel(reply_to=reply_to))
    assert [getattr(fact, "reply_to", 0) for fact in facts] == [None, None]
    (letter,) = world.tell(signal(reply_to=reply_to, payload=inline_json(b"{nope")))
    assert isinstance(letter, DeadLetter)
    assert letter.code == "JSON_INVALID"


def test_a_refusal_goes_to_the_partition_that_waits(world: World) -> None:
    ((output, _),) = world.outputs(encode(signal(name="a b")), RUN.encode())
    assert (output.topic, output.partition, output.key) == (COMMAND_REPLIES, 2, b"c")


def test_nobody_is_answered_without_a_good_token(world: World) -> None:
    for headers in ([], [("authorization", b"Bearer x")], signed(role="reader")):
        (letter,) = world.tell(signal(payload=inline_json(b"{nope")), headers)
        assert isinstance(letter, DeadLetter)
        assert letter.code in {"TOKEN_MISSING", "TOKEN_INVALID", "FORBIDDEN"}
        assert letter.headers == {}


LONG = "x" * 600_000


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"workflow": LONG}, "/workflow"),
        ({"workflow": "a\0b"}, "/workflow"),
        ({"tag": LONG}, "/tag"),
        ({"tag": ""}, "/tag"),
        ({"version": 0}, "/version"),
        ({"version": 2**31}, "/version"),
        ({"priority": LONG}, "/priority"),
        ({"key": LONG}, "/key"),
        ({"key": ""}, "/key"),
        ({"key": "a\0b"}, "/key"),
    ],
)
def test_a_start_beyond_its_bounds_is_rejected(world: World, change: dict[str, object], pointer: str) -> None:
    ((output, fact),) = world.outputs(encode(start(**change)), RUN.encode())
    assert isinstance(fact, RunRefused)
    assert [issue.pointer for issue in fact.issues] == [pointer]
    assert len(output.value) < 4096
    assert fact.workflow is None


@pytest.mark.parametrize("reason", [LONG, "a\0b", "x" * 1001])
def test_a_reason_has_a_bound(world: World, reason: str) -> None:
    (reply,) = world.tell(cancel(reason=reason, reply_to=1))
    assert isinstance(reply, Reply)
    assert reply.issues[0].pointer == "/reason"


@pytest.mark.parametrize("name", ["", "a b", "go\n", "a\0b", LONG])
def test_a_signal_has_a_name(world: World, name: str) -> None:
    (reply,) = world.tell(signal(name=name))
    assert isinstance(reply, Reply)
    assert reply.issues[0].pointer == "/name"
    assert isinstance(world.tell(signal(name="order.paid"))[0], SignalReceived)


def test_a_reason_may_have_lines(world: World) -> None:
    (fact,) = world.tell(cancel(reason="first\n\tsecond"))
    assert isinstance(fact, CancelRequested)
    assert fact.reason == "first\n\tsecond"


@pytest.mark.parametrize("command_id", ["", LONG, "a\0b"])
def test_a_command_without_an_id_is_laid_aside(world: World, command_id: str) -> None:
    ((output, letter),) = world.outputs(encode(cancel(command_id=command_id)), RUN.encode())
    assert isinstance(letter, DeadLetter)
    assert letter.code == "UNEXPECTED_RECORD"
    assert len(letter.reason) < 1200
    assert len(output.value) < len(LONG) + 4096


def test_a_record_that_is_larger_than_public_ones_is_laid_aside(world: World) -> None:
    (letter,) = world.tell(start(inputs=inline("x" * PUBLIC_BYTES)))
    assert isinstance(letter, DeadLetter)
    assert str(PUBLIC_BYTES) in letter.reason


@pytest.mark.parametrize(
    ("requested_at", "kept"),
    [
        (NOW_MS - 1000, NOW_MS - 1000),
        (NOW_MS - START_MAX_AGE_MS, NOW_MS),
        (0, NOW_MS),
        (-5, NOW_MS),
        (NOW_MS + 5000, NOW_MS),
        (2**62, NOW_MS),
    ],
)
def test_a_start_was_asked_for_when_that_can_be(world: World, requested_at: int, kept: int) -> None:
    (fact,) = world.tell(start(requested_at=requested_at))
    assert isinstance(fact, RunAdmitted)
    assert fact.requested_at == kept


def test_an_inline_definition_names_its_run(world: World) -> None:
    (fact,) = world.tell(start(workflow="payroll"))
    assert isinstance(fact, RunAdmitted)
    assert fact.workflow == "etl"


def test_a_definition_that_swells_is_refused_before_it_is_stored(world: World) -> None:
    numbers = ",".join(["1e20"] * 100_000)
    definition = DEFINITION[:-1] + f', "metadata": {{"a": [{numbers}]}}}}'.encode()
    (fact,) = world.tell(start(definition=definition))
    assert isinstance(fact, RunRefused)
    assert fact.code == "WORKFLOW_TOO_LARGE"
