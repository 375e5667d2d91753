"""`CommandGateway`: the twin and the one on a real Kafka, under the same tests."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import TIMESTAMP_LOG_APPEND_TIME

from api.gateway import CommandGateway, GatewayUnavailableError, KafkaGateway, MemoryGateway
from api.gateway.gateway import is_workflow_command
from engine.commands import CancelRun, StartRun, UploadWorkflow
from engine.effects import Reply
from engine.payload import inline
from storage.kafka.clients import producer
from storage.kafka.topics import COMMAND_REPLIES, PATCH_CREATED, RUN_COMMANDS
from storage.tokens import HEADER
from storage.wire import decode, encode
from tests.support.kafka import free_port, installation, kafka_bootstrap, read_until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from storage.wire import Record

__all__ = ["installation", "kafka_bootstrap"]

REPLY_TO = 3
TOKEN = b"Bearer x.y.z"
Told = tuple[str, "Record", bytes]


@dataclass
class Rig:
    """A gateway and its other side: `told` has key, record and token of what it sent to a topic."""

    gateway: CommandGateway
    told: Callable[[str, int], list[Told]]
    answer: Callable[[Reply], None]


@pytest.fixture(params=["memory", pytest.param("kafka", marks=pytest.mark.integration)])
async def rig(request: pytest.FixtureRequest) -> AsyncIterator[Rig]:
    if request.param == "memory":
        made = _memory()
    else:
        made = _kafka(request.getfixturevalue("installation").bootstrap)
    await made.gateway.open()
    yield made
    await made.gateway.close()


def _memory() -> Rig:
    gateway = MemoryGateway()

    def told(topic: str, count: int) -> list[Told]:
        found: list[Told] = [
            (sent.key, sent.command, sent.authorization)
            for sent in gateway.sent
            if topic == (PATCH_CREATED if is_workflow_command(sent.command) else RUN_COMMANDS)
        ]
        assert len(found) == count
        return found

    return Rig(gateway, told, gateway.answer)


def _kafka(bootstrap: str) -> Rig:
    answering = producer(bootstrap)

    def told(topic: str, count: int) -> list[Told]:
        messages = read_until(bootstrap, topic, lambda seen: len(seen) >= count)
        assert len(messages) == count
        assert all(message.timestamp()[0] == TIMESTAMP_LOG_APPEND_TIME for message in messages)
        return [
            (str(message.key(), "utf-8"), decode(message.value()), dict(message.headers() or [])[HEADER])
            for message in messages
        ]

    def answer(reply: Reply) -> None:
        answering.produce(COMMAND_REPLIES, encode(reply), partition=reply.reply_to)
        assert answering.flush(30) == 0

    return Rig(KafkaGateway(bootstrap, REPLY_TO), told, answer)


def start(number: int) -> StartRun:
    run_id = f"r0_{number}"
    return StartRun(
        command_id=run_id, run_id=run_id, workflow="etl", inputs=inline({"n": number}), requested_at=7
    )


def reply_to(command_id: str) -> Reply:
    return Reply(command_id=command_id, reply_to=REPLY_TO, ok=True, body=b'{"n":1}')


async def test_a_sent_command_is_in_its_topic(rig: Rig) -> None:
    cancel = CancelRun(command_id="c1", run_id="r0_1", reason="enough")
    upload = UploadWorkflow(command_id="c2", name="etl", definition=b"{}")
    await rig.gateway.send("r0_1", cancel, TOKEN)
    await rig.gateway.send("wf:acme/etl", upload, TOKEN)
    assert rig.told(RUN_COMMANDS, 1) == [("r0_1", cancel, TOKEN)]
    assert rig.told(PATCH_CREATED, 1) == [("wf:acme/etl", upload, TOKEN)]


async def test_many_commands_are_sent_at_once(rig: Rig) -> None:
    commands = [start(number) for number in range(500)]
    await asyncio.gather(*(rig.gateway.send(command.run_id, command, TOKEN) for command in commands))
    sent = [command for _, command, _ in rig.told(RUN_COMMANDS, 500)]
    assert sorted(command.run_id for command in sent if isinstance(command, StartRun)) == sorted(
        command.run_id for command in commands
    )


async def test_a_reply_reaches_whoever_expects_it(rig: Rig) -> None:
    with rig.gateway.expect("c1") as one, rig.gateway.expect("c2") as two:
        await rig.gateway.send("r0_1", CancelRun(command_id="c1", run_id="r0_1"), TOKEN)
        for command_id in ("nobody", "c2", "c1", "c1"):
            rig.answer(reply_to(command_id))
        assert await one.reply(30) == reply_to("c1")
        assert await two.reply(30) == reply_to("c2")


async def test_a_reply_that_does_not_come_is_none(rig: Rig) -> None:
    with rig.gateway.expect("c1") as expected:
        assert await expected.reply(0.01) is None
        rig.answer(reply_to("c1"))
        assert await expected.reply(30) == reply_to("c1")


async def test_a_reply_that_nobody_expects_any_more_is_dropped(rig: Rig) -> None:
    with rig.gateway.expect("c1"):
        pass
    rig.answer(reply_to("c1"))
    with rig.gateway.expect("c2") as expected:
        rig.answer(reply_to("c2"))
        assert await expected.reply(30) == reply_to("c2")


async def test_a_request_that_is_given_up_disturbs_no_other(rig: Rig) -> None:
    task = asyncio.create_task(rig.gateway.send("r0_1", start(1), TOKEN))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await rig.gateway.send("r0_2", start(2), TOKEN)
    # Two runs are two keys: on Kafka nothing orders them.
    assert sorted(key for key, _, _ in rig.told(RUN_COMMANDS, 2)) == ["r0_1", "r0_2"]


async def test_the_gateway_checks_that_kafka_answers(rig: Rig) -> None:
    await rig.gateway.check()


@pytest.mark.integration
async def test_without_a_broker_nothing_is_sent() -> None:
    gateway = KafkaGateway(f"127.0.0.1:{free_port()}", REPLY_TO, delivery_timeout_ms=300)
    with pytest.raises(GatewayUnavailableError, match="did not confirm") as failed:
        await gateway.send("r0_1", start(1), TOKEN)
    assert failed.value.sent
    with pytest.raises(GatewayUnavailableError, match="Kafka at"):
        await gateway.check()
    await gateway.close()


@pytest.mark.integration
async def test_a_partition_that_does_not_exist_is_a_clear_error(kafka_bootstrap: str) -> None:
    gateway = KafkaGateway(kafka_bootstrap, 4000)
    with pytest.raises(GatewayUnavailableError, match=r"partition 4000 of command\.replies"):
        await gateway.open()
    await gateway.close()
