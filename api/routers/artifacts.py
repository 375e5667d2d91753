"""Large payloads, by the SHA-256 of their content."""

from __future__ import annotations

import asyncio
from time import monotonic
from typing import Annotated, Final

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from api.openapi import gives
from api.problems import Problem, not_found
from api.routers.parameters import App, Reader
from api.services import Services
from storage.cas import BlobCorrupt, BlobMissing
from storage.postgres.rows import ArtifactRow

router = APIRouter(prefix="/v1/artifacts", tags=["artifacts"])

_PAUSE_S: Final = 0.05
_IMMUTABLE: Final = "private, max-age=31536000, immutable"


@router.get(
    "/{sha256}",
    responses=gives(
        {200: ("The content.", None), 304: ("The caller has it.", None)},
        problems=[404, 410],
        media_type="*/*",
    ),
)
async def get_artifact(
    request: Request,
    services: App,
    caller: Reader,
    sha256: Annotated[str, Path(pattern="^[0-9a-f]{64}$", description="SHA-256 in lower-case hex.")],
) -> Response:
    """The content of an artifact that a run of the workspace refers to."""
    artifact = await _find(services, caller.workspace, sha256)
    tag = f'"{sha256}"'
    headers = {"etag": tag, "cache-control": _IMMUTABLE}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    try:
        data = await asyncio.to_thread(services.cas.get, sha256)
    except (BlobMissing, BlobCorrupt) as error:
        raise Problem(410, "ARTIFACT_LOST", f"the blob store holds the artifact no more: {error}") from error
    return Response(data, headers=headers, media_type=artifact.media_type)


async def _find(services: Services, workspace: str, sha256: str) -> ArtifactRow:
    """The artifact; a reply may have named it before the projection shows it, so look again for a moment."""
    deadline = monotonic() + services.settings.api_projection_lag_s
    while True:
        artifact = await services.reads.get_artifact(workspace, sha256)
        if artifact is not None:
            return artifact
        if monotonic() >= deadline:
            raise not_found(f"artifact {sha256}")
        await asyncio.sleep(_PAUSE_S)
