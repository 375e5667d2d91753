"""The materializer: what cannot be a version or a tag is refused or laid aside, and it goes on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from engine.commands import TagWorkflow, UploadWorkflow
from engine.dead_letter import DeadLetter
from engine.effects import Reply
from engine.workflow_versioned import WorkflowRegistered, WorkflowVersioned
from storage.cas import CasUnavailable, MemoryStore
from storage.kafka.topics import RECORD_BYTES, REPLY_PARTITIONS
from storage.wire import Record, encode
from streams.runtime.pauses import NotNow
from streams.state.run_store import StateUnreadable
from streams.topologies import materializer
from streams.topologies.materializer import Materializer
from tests.unit.streams.keys import Keys
from tests.unit.streams.public import NOW_MS, TOKENS, in_context, signed

if TYPE_CHECKING:
    from quixstreams.models import HeadersTuples

    from engine.payload import Ref

KEY = b"wf:acme/etl"
LONG = "x" * 600_000


def definition(n: int = 0) -> bytes:
    row = {"name": "etl", "nodes": [{"id": "a", "type": "start"}], "edges": [], "metadata": {"n": n}}
    return msgspec.json.encode(row)


def swelling(count: int) -> bytes:
    """A definition whose numbers are four times as long in canonical form."""
    numbers = ",".join(["1e20"] * count)
    return definition().replace(b'{"n":0}', f'{{"n":[{numbers}]}}'.encode())


class Store(MemoryStore):
    error: Exception | None = None

    def put(self, data: bytes, media_type: str = "application/json") -> Ref:
        if self.error is not None:
            raise self.error
        return super().put(data, media_type)


class World:
    def __init__(self) -> None:
        self.store, self.keys = Store(), Keys()
        self._materializer = Materializer(self.store, TOKENS)

    def outputs(
        self, command: Record, key: bytes | None = KEY, headers: HeadersTuples | None = None
    ) -> list[Any]:
        headers = signed() if headers is None else headers
        state: Any = self.keys
        return in_context(
            "patch.created",
            lambda: self._materializer.handle(encode(command), key, NOW_MS, headers, state),
        )

    def tell(
        self, command: Record, key: bytes | None = KEY, headers: HeadersTuples | None = None
    ) -> list[Record]:
        return [record for _, record in self.outputs(command, key, headers)]


@pytest.fixture
def world() -> World:
    return World()


def upload(**more: object) -> UploadWorkflow:
    fields: dict[str, object] = {"command_id": "c", "name": "etl", "definition": definition()}
    return UploadWorkflow(**(fields | more))  # type: ignore[arg-type]  # some are wrong on purpose


def tag(**more: object) -> TagWorkflow:
    fields: dict[str, object] = {"command_id": "c", "name": "etl", "tag": "live", "version": 1}
    return TagWorkflow(**(fields | more))  # type: ignore[arg-type]  # as above


def test_an_upload_makes_a_version(world: World) -> None:
    told = world.tell(upload(reply_to=4))
    assert [type(record) for record in told] == [WorkflowRegistered, WorkflowVersioned, Reply]


def test_nobody_is_answered_without_a_good_token(world: World) -> None:
    for headers in ([], [("authorization", b"Bearer x")], signed(role="reader")):
        (letter,) = world.tell(upload(reply_to=3), headers=headers)
        assert isinstance(letter, DeadLetter)
        assert letter.code in {"TOKEN_MISSING", "TOKEN_INVALID", "FORBIDDEN"}
    assert world.keys == {}


@pytest.mark.parametrize("reply_to", [REPLY_PARTITIONS, 9999, -2, 2**40])
def test_a_reply_that_can_go_nowhere_is_not_waited_for(world: World, reply_to: int) -> None:
    assert Reply not in [type(record) for record in world.tell(upload(reply_to=reply_to))]
    (letter,) = world.tell(upload(reply_to=reply_to), b"wf:other/etl")
    assert isinstance(letter, DeadLetter)
    assert letter.code == "BAD_KEY"


@pytest.mark.parametrize("command", [upload(tag=LONG, reply_to=1), upload(tag="a\0b", reply_to=1)])
def test_a_tag_has_the_form_of_an_id(world: World, command: Record) -> None:
    ((output, reply),) = world.outputs(command)
    assert isinstance(reply, Reply)
    assert reply.issues[0].pointer == "/tag"
    assert len(output.value) < 4096


@pytest.mark.parametrize("command", [upload(command_id=LONG), tag(command_id="a b")])
def test_a_command_without_an_id_is_laid_aside(world: World, command: Record) -> None:
    (letter,) = world.tell(command)
    assert isinstance(letter, DeadLetter)
    assert letter.code == "UNEXPECTED_RECORD"


def test_tags_have_a_bound(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(materializer, "MAX_TAGS", 2)
    world.tell(upload())
    world.tell(tag())
    for command in (tag(tag="more", reply_to=1), upload(definition=definition(2), tag="more", reply_to=1)):
        (reply,) = world.tell(command)
        assert isinstance(reply, Reply)
        assert reply.code == "TOO_MANY_TAGS"
    assert WorkflowVersioned in [type(record) for record in world.tell(upload(definition=definition(3)))]


def test_a_definition_that_swells_fits_or_is_refused(world: World) -> None:
    outputs = world.outputs(upload(definition=swelling(20_000)))
    assert [type(record) for _, record in outputs] == [WorkflowRegistered, WorkflowVersioned]
    assert max(len(output.value) for output, _ in outputs) < RECORD_BYTES
    (reply,) = world.tell(upload(definition=swelling(100_000), reply_to=1))
    assert isinstance(reply, Reply)
    assert reply.code == "WORKFLOW_TOO_LARGE"


def test_an_upload_waits_while_the_store_is_away(world: World) -> None:
    world.store.error = CasUnavailable("the disk is gone")
    with pytest.raises(NotNow, match="the disk is gone"):
        world.tell(upload())
    assert world.keys == {}


def test_what_is_wrong_with_the_machine_ends_the_process(world: World) -> None:
    world.store.error = OSError("no disk")
    with pytest.raises(OSError, match="no disk"):
        world.tell(upload())
    world.keys.error = Exception("RocksDB")
    with pytest.raises(StateUnreadable):
        world.tell(upload())
    world.keys.error = None
    world.keys["w"] = b"{nope"
    with pytest.raises(StateUnreadable):
        world.tell(upload())


def test_what_fails_for_good_is_laid_aside_and_told(world: World) -> None:
    world.store.error = RecursionError("deep")
    assert [type(record) for record in world.tell(upload())] == [DeadLetter]
    reply, letter = world.tell(upload(reply_to=1))
    assert isinstance(reply, Reply)
    assert isinstance(letter, DeadLetter)
    assert reply.code == letter.code == "PROPOSAL_FAILED"
    assert world.keys == {}
