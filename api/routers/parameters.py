"""Parameters that several routes take."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Path, Query
from starlette.requests import Request

from api.auth import Caller
from api.runs.waiting import MAX_WAIT_S
from api.services import Services, caller_of, services_of
from engine.ids import ID_PATTERN, SIGNAL_PATTERN

MAX_PAGE = 1000


async def _reader(request: Request) -> Caller:
    return await caller_of(request, "read")


async def _writer(request: Request) -> Caller:
    return await caller_of(request, "write")


async def _services(request: Request) -> Services:
    return services_of(request)


Reader = Annotated[Caller, Depends(_reader)]
"""A caller who may read."""

Writer = Annotated[Caller, Depends(_writer)]
"""A caller who may change something."""

App = Annotated[Services, Depends(_services)]

Name = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", description="Name of a workflow.")]
TagName = Annotated[str, Path(pattern=f"^{ID_PATTERN}$", description="Name of a tag.")]
SignalName = Annotated[str, Path(pattern=SIGNAL_PATTERN, description="Name of a signal.")]
RunId = Annotated[str, Path(description="A run id.")]
Limit = Annotated[int, Query(ge=1, le=MAX_PAGE, description="Most items in a page.")]
Wait = Annotated[
    float | None, Query(ge=0, le=MAX_WAIT_S, description="Seconds to wait for the outcome before a 202.")
]
