"""`admission`: requests become facts, or are refused.

    run.commands ──► who asks? what exactly? ──► node.results     RunAdmitted, PauseRequested...
                                           ├──► node.results     RunRefused: the run exists as REJECTED
                                           ├──► command.replies  refused, when somebody waits
                                           └──► dead.letters     what cannot be read, and other refusals

Stateless: read again after a crash, a request becomes the same fact again, and the first start wins.

While the CAS or the names of workflows cannot be read, a partition waits at the record that needs them. A
record that fails in any other way is laid aside: it would fail again. What is wrong with this process or its
machine ends the process, uncommitted.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec
import structlog

from engine.commands import CancelRun, PauseRun, ResumeRun, SignalRun, StartRun
from engine.effects import Reply
from engine.errors import Refusal
from engine.facts import CancelRequested, Fact, PauseRequested, ResumeRequested, RunRefused, SignalReceived
from engine.ids import is_id, is_run_id
from storage.cas import CasError, CasUnavailable, open_store
from storage.kafka.topics import COMMAND_REPLIES, NODE_RESULTS, RUN_COMMANDS
from storage.registry import KafkaWorkflowRegistry
from storage.tokens import HEADER, Claims, Tokens
from storage.wire import WireError, decode, encode
from streams.admission.bounds import (
    bounded,
    check_command_id,
    check_run_command,
    check_size,
    quoted,
    reply_partition,
)
from streams.admission.payloads import Payloads
from streams.admission.starts import NamesUnavailable, RegistryLost, Starts
from streams.runtime.application import make_application
from streams.runtime.dead_letters import dead_letter, unusable
from streams.runtime.outputs import Output, sink_outputs
from streams.runtime.pauses import NotNow
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.runtime.ticks import every
from streams.state.definitions import REST_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from quixstreams.models import HeadersTuples

    from streams.runtime.settings import StreamSettings

PROCESSOR = "admission"
COMMIT_INTERVAL_S = 0.5
REGISTRY_CHECK_S = 1.0
WRITERS = frozenset({"admin", "member", "service"})
COMMANDS = (StartRun, CancelRun, PauseRun, ResumeRun, SignalRun)

_FAILED = "ADMISSION_FAILED"
_NOT_OF_THE_RECORD = (MemoryError, OSError, CasError, RegistryLost)
"""Errors that the same record may not meet elsewhere or later."""

log = structlog.get_logger(__name__)

Command = StartRun | CancelRun | PauseRun | ResumeRun | SignalRun
Request = CancelRun | PauseRun | ResumeRun

_REQUESTED: dict[type, type[CancelRequested | PauseRequested | ResumeRequested]] = {
    CancelRun: CancelRequested,
    PauseRun: PauseRequested,
    ResumeRun: ResumeRequested,
}


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings) -> Topology:
    """The topology. Returns when the names of all workflows are known."""
    application = make_application(
        settings, PROCESSOR, transactional=False, commit_interval=COMMIT_INTERVAL_S
    )
    registry = KafkaWorkflowRegistry(settings.kafka_bootstrap)
    registry.wait_ready()
    commands = application.topic(RUN_COMMANDS, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(commands)
    store = open_store(settings)
    starts = Starts(registry, store, settings)
    admission = Admission(starts, Payloads(store), Tokens(settings.jwt_secret.get_secret_value()))
    sink_outputs(dataframe.apply(admission.handle, metadata=True), settings)
    every(dataframe, REGISTRY_CHECK_S, starts.require_registry)
    return Topology(application, dataframe)


class Admission:
    """What is done with a record of `run.commands`. `clock` tells the wall-clock time in Unix seconds."""

    def __init__(
        self, starts: Starts, payloads: Payloads, tokens: Tokens, clock: Callable[[], float] = time.time
    ) -> None:
        self._starts = starts
        self._payloads = payloads
        self._tokens = tokens
        self._clock = clock

    def handle(self, value: bytes, key: bytes | None, timestamp: int, headers: HeadersTuples) -> list[Output]:
        """A fact for the run's log; or a refusal, in a reply or a dead letter."""
        try:
            command = _read(value, key)
        except ValueError as error:
            return [unusable(PROCESSOR, value, key, timestamp, headers, error)]
        try:
            claims = self._claims(timestamp, headers)
        except Refusal as refusal:
            # Nobody may learn of runs by asking without a good token: this is laid aside, not answered.
            letter = dead_letter(
                PROCESSOR, value, key, timestamp, headers, code=refusal.code, reason=refusal.message
            )
            return [letter]
        try:
            check_run_command(command)
            return [_told(self._fact(command, claims, timestamp))]
        except Refusal as refusal:
            wrong = refusal
        except (CasUnavailable, NamesUnavailable) as error:
            raise NotNow(str(error), REST_S) from error
        except _NOT_OF_THE_RECORD:
            raise
        except Exception as error:
            log.exception("a request could not be handled", run_id=command.run_id)
            wrong = Refusal(_FAILED, f"{type(error).__name__}: {error}")
        outputs = _refused(command, claims, bounded(wrong))
        if not outputs or wrong.code == _FAILED:
            code, reason = wrong.code, wrong.message
            letter = dead_letter(PROCESSOR, value, key, timestamp, headers, code=code, reason=reason)
            outputs.append(letter)
        return outputs

    def _claims(self, timestamp: int, headers: HeadersTuples) -> Claims:
        token = next((value for name, value in headers or () if name == HEADER), None)
        claims = self._tokens.verify_header(token, at=timestamp / 1000)
        if claims.role not in WRITERS:
            raise Refusal("FORBIDDEN", f"the role `{claims.role}` may not start or change runs")
        return claims

    def _fact(self, command: Command, claims: Claims, timestamp: int) -> Fact:
        if isinstance(command, StartRun):
            self._starts.check_age(timestamp, int(self._clock() * 1000))
            return self._starts.admit(command, claims, timestamp)
        if isinstance(command, SignalRun):
            return SignalReceived(
                workspace=claims.workspace,
                run_id=command.run_id,
                command_id=command.command_id,
                author=claims.author,
                name=command.name,
                payload=self._payloads.admit(command.payload, claims, "/payload"),
                reply_to=command.reply_to,
            )
        return _request(command, claims)


def _read(value: bytes, key: bytes | None) -> Command:
    """The command, replying only where somebody can be; ValueError with the reason when there is none."""
    check_size(value)
    try:
        command = decode(value)
    except WireError as error:
        raise ValueError(str(error)) from error
    if not isinstance(command, COMMANDS):
        raise ValueError(f"a {type(command).__name__} is no request about a run")  # noqa: TRY004 (a wrong record, not a bug)
    if not is_run_id(command.run_id) or key != command.run_id.encode():
        raise ValueError(
            f"the key has to be the run id, `r0_` and letters, digits, _ or -, not {quoted(command.run_id)}"
        )
    check_command_id(command)
    if command.reply_to == reply_partition(command.reply_to):
        return command
    return msgspec.structs.replace(command, reply_to=None)


def _request(command: Request, claims: Claims) -> Fact:
    return _REQUESTED[type(command)](
        workspace=claims.workspace,
        run_id=command.run_id,
        command_id=command.command_id,
        author=claims.author,
        reason=command.reason,
        reply_to=command.reply_to,
    )


def _told(fact: Fact) -> Output:
    return Output(NODE_RESULTS, fact.run_id.encode(), encode(fact))


def _refused(command: Command, claims: Claims, refusal: Refusal) -> list[Output]:
    """A refused start is a run that was REJECTED; any other refusal is for whoever waits, if anybody does."""
    if isinstance(command, StartRun):
        fact = RunRefused(
            workspace=claims.workspace,
            run_id=command.run_id,
            command_id=command.command_id,
            author=claims.author,
            code=refusal.code,
            message=refusal.message,
            issues=refusal.issues,
            workflow=command.workflow if command.workflow is not None and is_id(command.workflow) else None,
            reply_to=command.reply_to,
        )
        return [_told(fact)]
    if command.reply_to is None:
        return []
    reply = Reply(
        command_id=command.command_id,
        reply_to=command.reply_to,
        ok=False,
        run_id=command.run_id,
        code=refusal.code,
        message=refusal.message,
        issues=refusal.issues,
    )
    return [Output(COMMAND_REPLIES, command.command_id.encode(), encode(reply), None, command.reply_to)]
