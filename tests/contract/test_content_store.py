"""What every content-addressed store does."""

from __future__ import annotations

import hashlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from engine.payload import Ref
from storage.cas import BlobCorrupt, BlobMissing, ContentStore, FolderStore, InvalidHash, MemoryStore

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(params=["folder", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> ContentStore:
    return FolderStore(tmp_path / "cas") if request.param == "folder" else MemoryStore()


@pytest.mark.parametrize("data", [b"", b"{}", b"\x00\xff" * 500_000])
def test_what_is_put_comes_back_by_reference_and_by_hash(store: ContentStore, data: bytes) -> None:
    ref = store.put(data)

    assert ref == Ref(hashlib.sha256(data).hexdigest(), len(data), "application/json")
    assert store.get(ref) == data
    assert store.get(ref.sha256) == data
    assert store.has(ref.sha256)


def test_the_media_type_is_the_callers(store: ContentStore) -> None:
    assert store.put(b"x", "text/plain").media_type == "text/plain"


def test_putting_again_changes_nothing(store: ContentStore) -> None:
    assert store.put(b"same") == store.put(b"same")
    assert store.get(store.put(b"same")) == b"same"


def test_a_blob_that_was_never_put_is_missing(store: ContentStore) -> None:
    name = hashlib.sha256(b"nobody").hexdigest()

    assert not store.has(name)
    with pytest.raises(BlobMissing, match=name):
        store.get(name)
    with pytest.raises(BlobMissing):
        store.get(Ref(name, 6))


@pytest.mark.parametrize(
    "name",
    [
        "",
        "abc",
        "../" * 21 + "x",
        "A" * 64,
        "g" * 64,
        "0" * 63,
        "0" * 65,
        "0" * 64 + "\n",
        "\x00" * 64,
        "/" + "0" * 63,
    ],
)
def test_a_name_that_is_no_hash_is_refused(store: ContentStore, name: str) -> None:
    with pytest.raises(InvalidHash):
        store.has(name)
    with pytest.raises(InvalidHash):
        store.get(name)
    with pytest.raises(InvalidHash):
        store.get(Ref(name, 1))


def test_a_reference_with_another_size_is_corrupt(store: ContentStore) -> None:
    ref = store.put(b"four")

    with pytest.raises(BlobCorrupt, match="its reference says 5"):
        store.get(Ref(ref.sha256, 5))


def test_threads_may_put_the_same_blob(store: ContentStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        refs = set(pool.map(lambda _: store.put(b"shared" * 1000), range(50)))

    assert len(refs) == 1
    assert store.get(refs.pop()) == b"shared" * 1000
