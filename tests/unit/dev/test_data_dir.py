from __future__ import annotations

import stat
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from aob.dev import data_dir as module
from aob.dev.data_dir import DataDir, locked, open_data_dir, write_private
from aob.dev.errors import DevError

if TYPE_CHECKING:
    from pathlib import Path

HOLD = """
import sys
from pathlib import Path
from aob.dev.data_dir import locked, open_data_dir
with locked(open_data_dir(Path(sys.argv[1]))):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_new_data_dir_is_private(tmp_path: Path) -> None:
    opened = open_data_dir(tmp_path / "deep" / "data")

    assert stat.S_IMODE(opened.root.stat().st_mode) == 0o700
    assert opened.logs.is_dir()


def test_a_data_dir_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(DevError, match="cannot write the data dir"):
        open_data_dir(tmp_path / "file" / "data")


def test_two_processes_do_not_share_a_data_dir(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout
        assert holder.stdout.readline() == b"held\n"

        with (
            pytest.raises(DevError, match=f"in use by process {holder.pid}"),
            locked(open_data_dir(tmp_path)),
        ):
            pass
        holder.communicate()

    with locked(open_data_dir(tmp_path)):
        pass


def test_what_an_earlier_start_left_behind_keeps_the_data_dir_for_a_while(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ORPHANS_END_WITHIN_S", 0.1)
    opened = open_data_dir(tmp_path)
    with locked(opened) as descriptor:
        orphan = subprocess.Popen(["sleep", "600"], pass_fds=[descriptor])
        ended = subprocess.Popen(["true"])
        ended.wait()
        opened.lock_file.write_text(str(ended.pid))

    with pytest.raises(DevError, match="left behind"), locked(opened):
        pass

    orphan.kill()
    orphan.wait()
    with locked(opened):
        pass


def test_memory_is_emptied_each_time(tmp_path: Path) -> None:
    first = DataDir(tmp_path).forgetful()
    first.kafka.mkdir()

    second = DataDir(tmp_path).forgetful()

    assert second.kafka == first.kafka
    assert not second.kafka.exists()
    assert second.secrets_file == tmp_path / "secrets.json"


def test_a_private_file_is_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "dev.json"
    file.write_text("old")

    write_private(file, b"new")

    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]
