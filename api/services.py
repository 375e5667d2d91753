"""What the routes work with; made once at the start, or of twins in tests."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import msgspec
from starlette.responses import Response

from api.definitions import Definitions
from storage.run_ids import RANDOM_BYTES, issue_run_id, recognise_run_id, run_id_key

if TYPE_CHECKING:
    from starlette.requests import Request

    from api.auth import Caller, KeyRing, Need
    from api.gateway import CommandGateway
    from api.settings import ApiSettings
    from storage.cas import ContentStore
    from storage.postgres.api_store import ApiStore
    from storage.postgres.read_model import ReadModel
    from storage.registry import WorkflowRegistry
    from storage.tokens import Tokens

_encoder = msgspec.json.Encoder()


def now_ms() -> int:
    """Unix time in ms."""
    return time.time_ns() // 1_000_000


@dataclass(slots=True)
class Services:
    """The api's dependencies. `now_ms` is Unix time in ms."""

    settings: ApiSettings
    keys: KeyRing
    tokens: Tokens
    registry: WorkflowRegistry
    gateway: CommandGateway
    cas: ContentStore
    store: ApiStore
    reads: ReadModel
    now_ms: Callable[[], int] = now_ms
    definitions: Definitions = field(init=False)
    _run_id_key: bytes = field(init=False)

    def __post_init__(self) -> None:
        """Make what follows from the rest."""
        self.definitions = Definitions(self.cas)
        self._run_id_key = run_id_key(self.settings.jwt_secret.get_secret_value())

    def authorization(self, caller: Caller) -> bytes:
        """The token that goes with a caller's commands."""
        return self.tokens.header(caller.workspace, caller.role, caller.author, vouched=True)

    def new_run_id(self, workspace: str) -> str:
        """A fresh run id."""
        return issue_run_id(self._run_id_key, workspace, self.now_ms(), os.urandom(RANDOM_BYTES))

    def accepted_lately(self, workspace: str, run_id: str) -> bool:
        """Whether an instance of this api accepted the run a short while ago: readers may not know it yet."""
        issued = recognise_run_id(self._run_id_key, workspace, run_id)
        return issued is not None and self.now_ms() - issued < self.settings.api_accepted_s * 1000


def services_of(request: Request) -> Services:
    """The services of the app that serves the request."""
    services: Services = request.app.state.services
    return services


async def caller_of(request: Request, need: Need) -> Caller:
    """Who sent the request; Problem UNAUTHENTICATED or FORBIDDEN."""
    return await services_of(request).keys.caller(request.headers.get("authorization"), need)


def answer(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON answer."""
    return Response(_encoder.encode(body), status, headers, "application/json")
