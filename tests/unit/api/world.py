"""An api over in-memory twins, with processors that answer at once."""

from __future__ import annotations

import hashlib
from typing import Any

import httpx
import msgspec

from api.app import create_app
from api.auth import KeyRing, key_hash
from api.gateway import MemoryGateway, Sent
from api.services import Services
from api.settings import ApiSettings
from engine.commands import StartRun, TagWorkflow, UploadWorkflow
from engine.effects import Reply
from engine.workflow_versioned import WorkflowRegistered
from storage.cas import MemoryStore
from storage.postgres.api_rows import ApiKey
from storage.postgres.folded import FoldedRun
from storage.postgres.memory_api_store import MemoryApiStore
from storage.postgres.memory_projection import MemoryTables
from storage.postgres.memory_read_model import MemoryReadModel
from storage.registry import MemoryWorkflowRegistry
from storage.tokens import Role, Tokens

SECRET = "s" * 40
JSON = "application/json"
PROBLEM = "application/problem+json"


def workflow(name: str = "etl", **extra: Any) -> dict[str, Any]:  # noqa: ANN401 (JSON)
    node = {"id": "a", "type": "function", "config": {"function": "noop"}}
    return {"name": name, "nodes": [node], "edges": []} | extra


class World:
    """The api and what stands around it. `now_ms` is its clock."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 (any settings)
        self.settings = ApiSettings.model_validate(
            {
                "jwt_secret": SECRET,
                "environment": "dev",
                "api_reply_timeout_s": 0.05,
                "api_projection_lag_s": 0,
            }
            | settings
        )
        self.now_ms = 1_700_000_000_000
        self.tables = MemoryTables()
        self.registry = MemoryWorkflowRegistry()
        self.gateway = MemoryGateway(self.respond)
        self.cas = MemoryStore()
        self.store = MemoryApiStore(self.tables)
        self.tokens = Tokens(SECRET)
        self.materializing = True
        self.run_reply: dict[str, Any] | None = None
        self.refusal: tuple[str, str] | None = None
        self.services = Services(
            settings=self.settings,
            keys=KeyRing(self.store, trusted_s=0),
            tokens=self.tokens,
            registry=self.registry,
            gateway=self.gateway,
            cas=self.cas,
            store=self.store,
            reads=MemoryReadModel(self.tables),
            now_ms=lambda: self.now_ms,
        )
        self.app = create_app(self.services)

    async def key(self, workspace: str, role: Role) -> str:
        text = f"{workspace}-{role}"
        await self.store.bootstrap_key(
            ApiKey(
                key_id=text,
                digest=key_hash(text),
                workspace=workspace,
                role=role,
                name=text,
                created_at=self.now_ms,
            )
        )
        return text

    def client(self, key: str | None) -> httpx.AsyncClient:
        headers = {} if key is None else {"authorization": f"Bearer {key}"}
        # A fault must be answered as a problem, as it would be in a server.
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://api", headers=headers)

    def commands(self) -> list[Any]:
        return [sent.command for sent in self.gateway.sent]

    def respond(self, sent: Sent) -> Reply | None:
        """What the materializer, or the coordinator (as `run_reply` and `refusal` say), would answer."""
        command = sent.command
        if isinstance(command, UploadWorkflow | TagWorkflow):
            return self._materialize(sent, command) if self.materializing else None
        if self.refusal is not None:
            code, message = self.refusal
            return self._reply(command.command_id, ok=False, code=code, message=message)
        if self.run_reply is None or command.reply_to is None:
            return None
        body = self.run_reply
        if isinstance(command, StartRun):
            body = {"run_id": command.run_id} | body
        return self._reply(command.command_id, body=msgspec.json.encode(body))

    def project(self, run_id: str, workspace: str = "acme", **fields: Any) -> FoldedRun:  # noqa: ANN401
        """Show a run in the read model."""
        columns: dict[str, Any] = {
            "status": "RUNNING",
            "author": "key:1",
            "command_id": run_id,
            "created_at": 1,
        }
        run = FoldedRun(run_id=run_id, workspace=workspace, **(columns | fields))
        self.tables.folded.runs[run_id] = run
        return run

    def _materialize(self, sent: Sent, command: UploadWorkflow | TagWorkflow) -> Reply:
        workspace = self.tokens.verify_header(sent.authorization).workspace
        assert sent.key == f"wf:{workspace}/{command.name}"
        before = self.registry.get(workspace, command.name) or WorkflowRegistered(
            workspace=workspace, name=command.name, seq=0, versions=[], tags={}
        )
        versions, created = before.versions, False
        if isinstance(command, UploadWorkflow):
            digest = hashlib.sha256(command.definition).hexdigest()
            created = not versions or versions[-1] != digest
            versions = [*versions, digest] if created else versions
            version = len(versions)
        else:
            version = command.version
        after = WorkflowRegistered(
            workspace=workspace,
            name=command.name,
            seq=before.seq + 1,
            versions=versions,
            tags={**before.tags, command.tag: version},
        )
        self.registry.put(after)
        body = {"version": version, "hash": versions[version - 1], "seq": after.seq, "created": created}
        return self._reply(command.command_id, body=msgspec.json.encode(body | {"name": command.name}))

    def _reply(self, command_id: str, *, ok: bool = True, **fields: Any) -> Reply:  # noqa: ANN401
        return Reply(command_id=command_id, reply_to=0, ok=ok, **fields)


def problem_of(response: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem of an answer, checked for its form."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == PROBLEM
    problem: dict[str, Any] = response.json()
    assert problem["status"] == status
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:aob:problem:{code.lower().replace('_', '-')}"
    assert problem["title"]
    assert problem["detail"]
    return problem


def pointers(problem: dict[str, Any]) -> list[str]:
    return [error["pointer"] for error in problem["errors"]]
