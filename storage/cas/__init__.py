"""The content-addressed store: blobs named by their SHA-256, verified on every read."""

from storage.cas.content_store import (
    BlobCorrupt,
    BlobMissing,
    CasError,
    CasMisconfigured,
    CasUnavailable,
    ContentStore,
    InvalidHash,
)
from storage.cas.folder_store import FolderStore
from storage.cas.memory_store import MemoryStore
from storage.cas.open_store import open_store

__all__ = [
    "BlobCorrupt",
    "BlobMissing",
    "CasError",
    "CasMisconfigured",
    "CasUnavailable",
    "ContentStore",
    "FolderStore",
    "InvalidHash",
    "MemoryStore",
    "open_store",
]
