"""Large payloads, by the SHA-256 of their content."""

from __future__ import annotations

import asyncio
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from api.openapi import gives
from api.problems import Problem, not_found
from api.routers.parameters import App, Reader
from storage.cas import BlobCorrupt, BlobMissing

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])

_IMMUTABLE: Final = "private, max-age=31536000, immutable"


@router.get("/{sha256}", responses=gives({200: ("The content.", None)}, problems=[404, 410]))
async def get_artifact(
    request: Request,
    services: App,
    caller: Reader,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 in lower-case hex.")],
) -> Response:
    """The content of an artifact that a run of the workspace refers to."""
    artifact = await services.reads.get_artifact(caller.workspace, sha256)
    if artifact is None:
        raise not_found(f"artifact {sha256}")
    tag = f'"{sha256}"'
    headers = {"etag": tag, "cache-control": _IMMUTABLE}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        data = await asyncio.to_thread(services.cas.get, sha256)
    except (BlobMissing, BlobCorrupt) as error:
        raise Problem(
            410, "ARTIFACT_LOST", f"the blob store does not hold the artifact any more: {error}"
        ) from error
    return Response(data, headers=headers, media_type=artifact.media_type)
