from __future__ import annotations

import re
import stat
from typing import TYPE_CHECKING

import pytest

from aob.dev.errors import DevError
from aob.dev.keys import load_keys

if TYPE_CHECKING:
    from pathlib import Path


def test_keys_are_made_once_and_kept_private(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"

    keys = load_keys(file)

    assert re.fullmatch(r"aob_[A-Za-z0-9_-]{32}", keys.api_key)
    assert len(keys.jwt_secret) >= 32
    assert load_keys(file) == keys
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_keys_do_not_show_themselves(tmp_path: Path) -> None:
    keys = load_keys(tmp_path / "secrets.json")

    assert keys.api_key not in repr(keys)
    assert keys.jwt_secret not in repr(keys)


@pytest.mark.parametrize("content", ["", "{}", "[]", "null"])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    file = tmp_path / "secrets.json"
    file.write_text(content)

    with pytest.raises(DevError, match=r"secrets\.json"):
        load_keys(file)
