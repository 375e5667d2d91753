"""Faults of the folder, and which store the settings give."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pytest

from storage.cas import (
    BlobCorrupt,
    CasMisconfigured,
    CasUnavailable,
    FolderStore,
    open_store,
)
from storage.settings import Settings

if TYPE_CHECKING:
    from pathlib import Path


def files_of(root: Path) -> list[Path]:
    return [path for path in root.rglob("*") if path.is_file()]


def test_files_are_spread_over_folders(tmp_path: Path) -> None:
    ref = FolderStore(tmp_path).put(b"x")

    assert files_of(tmp_path) == [tmp_path / ref.sha256[:2] / ref.sha256[2:4] / ref.sha256]


def test_another_process_sees_what_was_put(tmp_path: Path) -> None:
    ref = FolderStore(tmp_path).put(b"x")

    assert FolderStore(tmp_path).get(ref) == b"x"


@pytest.mark.parametrize("damage", [b"", b"cut of", b"other content, but as long as before"])
def test_damage_is_seen_on_read_and_mended_by_putting_again(tmp_path: Path, damage: bytes) -> None:
    data = b"the content that was put in here...."
    store = FolderStore(tmp_path)
    ref = store.put(data)
    files_of(tmp_path)[0].write_bytes(damage)

    with pytest.raises(BlobCorrupt):
        store.get(ref.sha256)
    assert store.put(data) == ref
    assert store.get(ref) == data


def test_a_failed_write_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = FolderStore(tmp_path)

    def no_space(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", no_space)
        with pytest.raises(CasUnavailable, match="No space left"):
            store.put(b"x")

    assert files_of(tmp_path) == []
    store.put(b"x")


def test_a_folder_that_went_away_is_unavailable_and_does_not_come_back_empty(tmp_path: Path) -> None:
    root = tmp_path / "cas"
    store = FolderStore(root)
    ref = store.put(b"x")
    shutil.rmtree(root)

    with pytest.raises(CasUnavailable):
        store.get(ref)
    with pytest.raises(CasUnavailable):
        store.has(ref.sha256)
    with pytest.raises(CasUnavailable):
        store.put(b"y")
    assert not root.exists()


def test_a_root_that_is_a_file_is_unavailable(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    with pytest.raises(CasUnavailable, match="cannot make the folder"):
        FolderStore(tmp_path / "file")


def settings(environment: str, cas_dir: Path | None) -> Settings:
    return Settings.model_validate({"environment": environment, "cas_dir": cas_dir, "jwt_secret": "x" * 32})


def test_the_settings_open_a_folder(tmp_path: Path) -> None:
    store = open_store(settings("dev", tmp_path / "cas"))

    assert store.get(store.put(b"x")) == b"x"


def test_a_folder_is_refused_in_production(tmp_path: Path) -> None:
    with pytest.raises(CasMisconfigured, match="S3 is not supported yet"):
        open_store(settings("production", tmp_path))


def test_no_folder_is_named_in_the_error() -> None:
    with pytest.raises(CasMisconfigured, match="AOB_CAS_DIR is not set"):
        open_store(settings("dev", None))
