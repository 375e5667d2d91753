"""Blobs as files: `ROOT/ab/cd/abcd...`, written beside and renamed into place."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from storage.cas.content_store import JSON, BlobMissing, CasUnavailable, checked_name, reference, verified

if TYPE_CHECKING:
    from engine.payload import Ref

_INCOMING = "incoming"


class FolderStore:
    """A `ContentStore` in a folder, for one machine. Several processes may share it."""

    def __init__(self, root: Path) -> None:
        """Make the folder if it is missing; CasUnavailable if that does not work."""
        self._root = root
        try:
            (root / _INCOMING).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CasUnavailable(f"cannot make the folder of the blob store, {root}: {error}") from error

    def put(self, data: bytes, media_type: str = JSON) -> Ref:
        """Write `data` and wait until it is on disk; a damaged file of the same name is replaced."""
        ref = reference(data, media_type)
        target = self._path(ref.sha256)
        try:
            if not _holds(target, data):
                self._write(target, data)
        except OSError as error:
            raise CasUnavailable(f"cannot store blob {ref.sha256}: {error}") from error
        return ref

    def get(self, ref: Ref | str) -> bytes:
        """Read a file and check its content."""
        name = checked_name(ref)
        try:
            data = self._path(name).read_bytes()
        except FileNotFoundError as error:
            self._require_root()
            raise BlobMissing(f"there is no blob {name}") from error
        except OSError as error:
            raise CasUnavailable(f"cannot read blob {name}: {error}") from error
        return verified(data, ref)

    def has(self, sha256: str) -> bool:
        """Whether there is a file of this name."""
        path = self._path(checked_name(sha256))
        try:
            path.stat()
        except FileNotFoundError:
            self._require_root()
            return False
        except OSError as error:
            raise CasUnavailable(f"cannot look for blob {sha256}: {error}") from error
        return True

    def _path(self, name: str) -> Path:
        return self._root / name[:2] / name[2:4] / name

    def _require_root(self) -> None:
        # A folder that went away (a mount) means that nothing is known, not that the blob is missing.
        if not (self._root / _INCOMING).is_dir():
            raise CasUnavailable(f"the folder of the blob store, {self._root}, is gone")

    def _write(self, target: Path, data: bytes) -> None:
        self._make_folder(target.parent.parent)
        self._make_folder(target.parent)
        handle, name = tempfile.mkstemp(dir=self._root / _INCOMING)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
        _sync_folder(target.parent)

    def _make_folder(self, folder: Path) -> None:
        # Not with `parents`: a root that went away must not come back as an empty folder.
        try:
            folder.mkdir()
        except FileExistsError:
            return
        _sync_folder(folder.parent)


def _holds(path: Path, data: bytes) -> bool:
    try:
        return path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
