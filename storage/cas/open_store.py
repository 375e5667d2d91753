"""The store that the settings name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from storage.cas.content_store import CasMisconfigured, ContentStore
from storage.cas.folder_store import FolderStore

if TYPE_CHECKING:
    from storage.settings import Settings


def open_store(settings: Settings) -> ContentStore:
    """Open the store of this process. CasMisconfigured, CasUnavailable."""
    if settings.cas_dir is None:
        raise CasMisconfigured("AOB_CAS_DIR is not set: name the folder of the content-addressed store")
    if settings.environment == "production":
        raise CasMisconfigured(
            "a folder (AOB_CAS_DIR) is a blob store for one machine and refused with "
            "AOB_ENVIRONMENT=production; S3 is not supported yet: for one machine set AOB_ENVIRONMENT=dev"
        )
    return FolderStore(settings.cas_dir)
