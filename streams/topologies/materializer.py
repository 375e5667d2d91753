"""`materializer`: the one author of versions and tags of workflows.

patch.created ──► check, compile, number ──► workflow state (RocksDB, changelog)
├──► workflow.events      for the read model
├──► workflow.registry    all versions and tags, for everybody who resolves names
├──► command.replies
└──► dead.letters
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec
import structlog

from engine.commands import TagWorkflow, UploadWorkflow
from engine.effects import Reply
from engine.errors import Issue, Refusal
from engine.graph import load_graph
from engine.ids import is_id
from engine.model import canonical
from engine.workflow_versioned import WorkflowRegistered, WorkflowVersioned
from storage.cas import CasError, CasUnavailable, open_store
from storage.kafka.topics import COMMAND_REPLIES, PATCH_CREATED, WORKFLOW_EVENTS, WORKFLOW_REGISTRY
from storage.registry import registry_key
from storage.tokens import HEADER, Claims, Tokens
from storage.wire import WireError, decode, encode
from streams.admission.bounds import (
    bounded,
    check_command_id,
    check_size,
    check_workflow_command,
    reply_partition,
)
from streams.runtime.application import make_application
from streams.runtime.dead_letters import dead_letter, unusable
from streams.runtime.outputs import Output, sink_outputs
from streams.runtime.pauses import NotNow
from streams.runtime.run import Topology
from streams.runtime.run import run as run_processor
from streams.state.definitions import REST_S
from streams.state.run_store import RunStore, StateUnreadable

if TYPE_CHECKING:
    from quixstreams.models import HeadersTuples
    from quixstreams.state import State

    from storage.cas import ContentStore
    from streams.runtime.settings import StreamSettings

PROCESSOR = "materializer"
COMMIT_INTERVAL_S = 0.5
WRITERS = frozenset({"admin", "member", "service"})
MAX_VERSIONS = 10_000
MAX_TAGS = 1000
"""With these the names of a workflow, which travel in one record, have less than 1 MiB."""

_FAILED = "PROPOSAL_FAILED"
_NOT_OF_THE_RECORD = (MemoryError, OSError, CasError, StateUnreadable)
"""Errors that the same record may not meet elsewhere or later."""

log = structlog.get_logger(__name__)

_STATE = "w"
_registered = msgspec.json.Decoder(WorkflowRegistered)


def run(settings: StreamSettings) -> int:
    """Run the processor until it is stopped; its exit code."""
    return run_processor(settings, PROCESSOR, lambda: build(settings))


def build(settings: StreamSettings) -> Topology:
    """The topology."""
    application = make_application(settings, PROCESSOR, transactional=True, commit_interval=COMMIT_INTERVAL_S)
    proposals = application.topic(PATCH_CREATED, value_deserializer="bytes", key_deserializer="bytes")
    dataframe = application.dataframe(proposals)
    materializer = Materializer(open_store(settings), Tokens(settings.jwt_secret.get_secret_value()))
    sink_outputs(dataframe.apply(materializer.handle, stateful=True, metadata=True), settings)
    return Topology(application, dataframe)


class Materializer:
    """What is done with a record of `patch.created`."""

    def __init__(self, store: ContentStore, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    def handle(
        self,
        value: bytes,
        key: bytes | None,
        timestamp: int,
        headers: HeadersTuples,
        state: State[str, bytes],
    ) -> list[Output]:
        """Make a version or move a tag, and tell everybody; or refuse, with a reply or a dead letter."""
        try:
            command = _read(value)
        except ValueError as error:
            return [unusable(PROCESSOR, value, key, timestamp, headers, error)]
        try:
            claims = self._claims(timestamp, headers)
        except Refusal as refusal:
            # Without a good token nobody is answered.
            code, reason = refusal.code, refusal.message
            return [dead_letter(PROCESSOR, value, key, timestamp, headers, code=code, reason=reason)]
        try:
            return self._propose(command, key, claims, timestamp, state)
        except Refusal as refusal:
            wrong = refusal
        except CasUnavailable as error:
            raise NotNow(str(error), REST_S) from error
        except _NOT_OF_THE_RECORD:
            raise
        except Exception as error:
            log.exception("a proposal could not be handled", workflow=command.name)
            wrong = Refusal(_FAILED, f"{type(error).__name__}: {error}")
        outputs = [] if command.reply_to is None else [_refused(command, bounded(wrong))]
        if not outputs or wrong.code == _FAILED:
            code, reason = wrong.code, wrong.message
            letter = dead_letter(PROCESSOR, value, key, timestamp, headers, code=code, reason=reason)
            outputs.append(letter)
        return outputs

    def _propose(
        self,
        command: UploadWorkflow | TagWorkflow,
        key: bytes | None,
        claims: Claims,
        timestamp: int,
        state: State[str, bytes],
    ) -> list[Output]:
        _check(command, key, claims)
        store = RunStore(state)
        before = _load(store, claims.workspace, command.name)
        after, told = self._decide(command, claims, before, timestamp)
        outputs = _outputs(command, before, after, told)
        if after.seq != before.seq:
            store.set(_STATE, msgspec.json.encode(after))
        return outputs

    def _claims(self, timestamp: int, headers: HeadersTuples) -> Claims:
        token = next((value for name, value in headers or () if name == HEADER), None)
        claims = self._tokens.verify_header(token, at=timestamp / 1000)
        if claims.role not in WRITERS:
            raise Refusal("FORBIDDEN", f"the role `{claims.role}` may not change workflows")
        return claims

    def _decide(
        self, command: UploadWorkflow | TagWorkflow, claims: Claims, before: WorkflowRegistered, at: int
    ) -> tuple[WorkflowRegistered, WorkflowVersioned | None]:
        """What is known of the workflow now, and what changed."""
        if isinstance(command, TagWorkflow):
            return _tag(command, claims, before, at)
        text, digest = canonical(command.definition)
        graph = load_graph(text, digest)
        if graph.name != command.name:
            message = f"the definition is named `{graph.name}`, but it was uploaded as `{command.name}`"
            raise Refusal("WORKFLOW_INVALID", message, [Issue("/name", message)])
        is_new = not before.versions or before.versions[-1] != digest
        version = len(before.versions) + 1 if is_new else len(before.versions)
        if not is_new and before.tags.get(command.tag) == version:
            return before, None
        if version > MAX_VERSIONS:
            raise Refusal("TOO_MANY_VERSIONS", f"a workflow has at most {MAX_VERSIONS} versions")
        _check_tags(before, command.tag)
        self._store.put(text)
        versions = [*before.versions, digest] if is_new else before.versions
        after = msgspec.structs.replace(
            before, seq=before.seq + 1, versions=versions, tags={**before.tags, command.tag: version}
        )
        return after, _versioned(after, claims, at, command.tag, version, text if is_new else None)


def _read(value: bytes) -> UploadWorkflow | TagWorkflow:
    """The command, replying only where somebody can be; ValueError with the reason when there is none."""
    check_size(value)
    try:
        command = decode(value)
    except WireError as error:
        raise ValueError(str(error)) from error
    if not isinstance(command, UploadWorkflow | TagWorkflow):
        raise ValueError(f"a {type(command).__name__} changes no workflow")  # noqa: TRY004 (a wrong record, not a bug)
    check_command_id(command)
    if command.reply_to == reply_partition(command.reply_to):
        return command
    return msgspec.structs.replace(command, reply_to=None)


def _check(command: UploadWorkflow | TagWorkflow, key: bytes | None, claims: Claims) -> None:
    if not is_id(command.name) or key != f"wf:{claims.workspace}/{command.name}".encode():
        raise Refusal(
            "BAD_KEY", f"the record's key has to be wf:{claims.workspace}/NAME with the workflow's name"
        )
    check_workflow_command(command)


def _check_tags(before: WorkflowRegistered, tag: str) -> None:
    if tag not in before.tags and len(before.tags) >= MAX_TAGS:
        raise Refusal("TOO_MANY_TAGS", f"a workflow has at most {MAX_TAGS} tags")


def _load(store: RunStore, workspace: str, name: str) -> WorkflowRegistered:
    data = store.get(_STATE)
    if data is None:
        return WorkflowRegistered(workspace=workspace, name=name, seq=0, versions=[], tags={})
    try:
        return _registered.decode(data)
    except msgspec.DecodeError as error:
        raise StateUnreadable(f"the state of {name} cannot be read: {error}") from error


def _tag(
    command: TagWorkflow, claims: Claims, before: WorkflowRegistered, at: int
) -> tuple[WorkflowRegistered, WorkflowVersioned | None]:
    if not 1 <= command.version <= len(before.versions):
        message = f"`{command.name}` has no version {command.version}; the latest is {len(before.versions)}"
        raise Refusal("VERSION_UNKNOWN", message, [Issue("/version", message, "VERSION_UNKNOWN")])
    if before.tags.get(command.tag) == command.version:
        return before, None
    _check_tags(before, command.tag)
    tags = {**before.tags, command.tag: command.version}
    after = msgspec.structs.replace(before, seq=before.seq + 1, tags=tags)
    return after, _versioned(after, claims, at, command.tag, command.version, None)


def _versioned(
    after: WorkflowRegistered, claims: Claims, at: int, tag: str, tag_version: int, definition: bytes | None
) -> WorkflowVersioned:
    return WorkflowVersioned(
        workspace=after.workspace,
        name=after.name,
        seq=after.seq,
        at=at,
        author=claims.author,
        tag=tag,
        tag_version=tag_version,
        version=len(after.versions) if definition is not None else None,
        definition_hash=after.versions[tag_version - 1],
        definition=definition,
    )


def _outputs(
    command: UploadWorkflow | TagWorkflow,
    before: WorkflowRegistered,
    after: WorkflowRegistered,
    told: WorkflowVersioned | None,
) -> list[Output]:
    outputs = []
    if told is not None:
        key = registry_key(after.workspace, after.name)
        outputs = [
            Output(WORKFLOW_REGISTRY, key.encode(), encode(after)),
            Output(WORKFLOW_EVENTS, f"wf:{key}".encode(), encode(told)),
        ]
    if command.reply_to is not None:
        version = after.tags[command.tag]
        body = {
            "name": after.name,
            "version": version,
            "hash": after.versions[version - 1],
            "tag": command.tag,
            "seq": after.seq,
            "created": len(after.versions) > len(before.versions),
        }
        outputs.append(_reply(command, body=msgspec.json.encode(body)))
    return outputs


def _refused(command: UploadWorkflow | TagWorkflow, refusal: Refusal) -> Output:
    return _reply(command, code=refusal.code, message=refusal.message, issues=refusal.issues)


def _reply(
    command: UploadWorkflow | TagWorkflow,
    *,
    body: bytes | None = None,
    code: str | None = None,
    message: str | None = None,
    issues: list[Issue] | None = None,
) -> Output:
    reply_to = command.reply_to or 0
    reply = Reply(
        command_id=command.command_id,
        reply_to=reply_to,
        ok=code is None,
        code=code,
        message=message,
        issues=issues or [],
        body=body,
    )
    return Output(COMMAND_REPLIES, command.command_id.encode(), encode(reply), None, reply_to)
