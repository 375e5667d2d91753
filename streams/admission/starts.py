"""Starts: names become content hashes, inputs are checked, blobs are stored, before the run begins."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from engine.errors import Issue, Refusal
from engine.facts import RunAdmitted
from engine.model import canonical, check_inputs
from storage.cas import BlobCorrupt, BlobMissing, InvalidHash
from storage.registry import DEFAULT_TAG
from streams.admission.bounds import START_MAX_AGE_MS, asked_at
from streams.admission.payloads import Payloads, require_vouched
from streams.state.definitions import Definitions

if TYPE_CHECKING:
    from engine.commands import StartRun
    from engine.graph import Graph
    from engine.payload import Payload
    from storage.cas import ContentStore
    from storage.registry import WorkflowRegistry
    from storage.tokens import Claims

MAX_CHILDREN = 200


class NamesUnavailable(Exception):  # noqa: N818 (it reads as what happened)
    """The names cannot be read right now: the same start may be admitted later."""


class RegistryLost(Exception):  # noqa: N818
    """Nobody reads the names any more: this process has to start again."""


class Limits(Protocol):
    """What of the settings matters here."""

    @property
    def queue_names(self) -> tuple[str, ...]:
        """Queues that have topics."""


class Starts:
    """Admits starts.

    Raises Refusal with a code, a sentence and pointers; NamesUnavailable and CasUnavailable when the start
    has to wait; RegistryLost.
    """

    def __init__(self, registry: WorkflowRegistry, store: ContentStore, limits: Limits) -> None:
        self._registry = registry
        self._store = store
        # Not patient: the partition waits, not the process.
        self._definitions = Definitions(store, patient=False)
        self._payloads = Payloads(store)
        self._queues = frozenset(limits.queue_names)

    def require_registry(self) -> None:
        """RegistryLost when names would only grow old here."""
        if not self._registry.is_ready():
            raise RegistryLost("the reader of the workflows' names has died")

    def check_age(self, written_at: int, now: int) -> None:
        """Refuse what was written too long ago (Unix ms)."""
        if now - written_at > START_MAX_AGE_MS:
            hours = START_MAX_AGE_MS // 3_600_000
            raise Refusal("START_TOO_OLD", f"the start was asked for more than {hours} hours ago: ask again")

    def admit(self, command: StartRun, claims: Claims, at: int) -> RunAdmitted:
        """The fact that begins the run."""
        self.require_registry()
        digest, version = self._resolve(command, claims)
        graph = self._load(digest)
        return RunAdmitted(
            workspace=claims.workspace,
            run_id=command.run_id,
            command_id=command.command_id,
            author=claims.author,
            graph=digest,
            children=self._children(graph, claims.workspace) if graph.children else {},
            workflow=graph.name if command.definition is not None else command.workflow or graph.name,
            version=version,
            inputs=self._inputs(graph, command.inputs, claims),
            key=command.key,
            priority=command.priority,
            requested_at=asked_at(command.requested_at, at),
            reply_to=command.reply_to,
        )

    def _resolve(self, command: StartRun, claims: Claims) -> tuple[str, int | None]:
        if command.definition is not None:
            text, digest = canonical(command.definition)
            self._store.put(text)
            return digest, None
        if command.definition_hash is not None:
            require_vouched(claims, "/definition_hash")
            return command.definition_hash, command.version
        if command.workflow is None:
            message = "a start names a `workflow`, or brings its `definition`"
            raise Refusal("WORKFLOW_MISSING", message, [Issue("/workflow", message)])
        version, digest = self._named(
            claims.workspace, command.workflow, tag=command.tag, version=command.version
        )
        return digest, version

    def _named(
        self, workspace: str, name: str, *, tag: str | None = None, version: int | None = None
    ) -> tuple[int, str]:
        try:
            return self._registry.resolve(workspace, name, tag=tag, version=version)
        except Refusal:
            # Nothing is refused that was published before it was asked for.
            self._catch_up()
            return self._registry.resolve(workspace, name, tag=tag, version=version)

    def _catch_up(self) -> None:
        try:
            self._registry.catch_up()
        except Refusal as refusal:
            raise NamesUnavailable(refusal.message) from refusal

    def _load(self, digest: str) -> Graph:
        try:
            graph = self._definitions.load(digest)
        except (BlobMissing, BlobCorrupt, InvalidHash) as error:
            message = f"there is no whole definition with the hash {digest}"
            raise Refusal("DEFINITION_UNKNOWN", message, [Issue("/definition_hash", message)]) from error
        unserved = sorted(graph.queues - self._queues)
        if unserved:
            message = (
                f"no topic serves the queue `{unserved[0]}`; there are: {', '.join(sorted(self._queues))}"
            )
            raise Refusal("QUEUE_UNKNOWN", message, [Issue("/nodes", message, "QUEUE_UNKNOWN")])
        return graph

    def _children(self, graph: Graph, workspace: str) -> dict[str, str]:
        """Every definition that the run or its children may start, by the name that they call it."""
        resolved: dict[str, str] = {}
        waiting = dict(graph.children)
        while waiting:
            name, definition = waiting.popitem()
            if name in resolved:
                continue
            if len(resolved) >= MAX_CHILDREN:
                raise Refusal(
                    "TOO_MANY_CHILDREN", f"a run has at most {MAX_CHILDREN} definitions of child runs"
                )
            resolved[name] = self._child(name, definition, workspace)
            waiting.update(self._load(resolved[name]).children)
        return resolved

    def _child(self, name: str, definition: bytes | None, workspace: str) -> str:
        if definition is not None:
            return self._store.put(definition).sha256
        workflow, _, which = name.partition("@")
        kind, _, value = which.partition(":")
        if kind == "version":
            return self._named(workspace, workflow, version=int(value))[1]
        return self._named(workspace, workflow, tag=value or DEFAULT_TAG)[1]

    def _inputs(self, graph: Graph, inputs: Payload, claims: Claims) -> Payload:
        """Checked against the workflow's schema; what is large goes to the CAS."""
        schema = graph.inputs
        check = None if schema is None else (lambda value: check_inputs(schema, value))
        return self._payloads.admit(inputs, claims, "/inputs", check)
