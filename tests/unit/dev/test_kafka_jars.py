from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from aob.dev import kafka_jars as module
from aob.dev.errors import DevError
from aob.dev.kafka_jars import KAFKA_VERSION, cache_dir, class_archive_path, find_java, kafka_jars

ROOT = Path(__file__).parents[3]


def tool(folder: Path, name: str, code: str) -> None:
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{code}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def bin_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder of PATH, but for the shell's own tools."""
    monkeypatch.setenv("AOB_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("mkdir", "touch"):
        (folder / name).symlink_to(str(shutil.which(name)))
    monkeypatch.setenv("PATH", str(folder))
    return folder


def test_the_cache_is_where_it_is_asked_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AOB_CACHE_DIR", str(tmp_path))
    assert cache_dir() == tmp_path / f"kafka-{KAFKA_VERSION}"

    monkeypatch.delenv("AOB_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_dir() == tmp_path / "xdg" / "aob" / f"kafka-{KAFKA_VERSION}"


def test_without_jars_and_maven_the_message_says_what_to_install(bin_dir: Path) -> None:
    with pytest.raises(DevError, match=r"apt install maven.*--broker HOST:PORT"):
        kafka_jars(print)


def test_jars_in_the_cache_need_no_maven(bin_dir: Path) -> None:
    lib = cache_dir() / "lib"
    lib.mkdir(parents=True)
    for name in ("b.jar", "a.jar"):
        (lib / name).touch()

    assert kafka_jars(print) == (lib / "a.jar", lib / "b.jar")


def test_maven_fills_the_cache_once(bin_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    copy = (
        'for last; do :; done; d=${last#-DoutputDirectory=}; mkdir -p "$d"; touch "$d/kafka_2.13-4.3.0.jar"'
    )
    tool(bin_dir, "mvn", copy)

    jars = kafka_jars(print)

    assert jars == (cache_dir() / "lib" / "kafka_2.13-4.3.0.jar",)
    assert kafka_jars(print) == jars
    assert capsys.readouterr().out == f"fetching Kafka {KAFKA_VERSION} by Maven (54 MB, once)\n"
    assert sorted(path.name for path in cache_dir().iterdir()) == [".lock", "lib"]


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("echo '[ERROR] Unknown host'; exit 1", r"Maven could not fetch Kafka:\n\[ERROR\] Unknown host"),
        ("exit 0", "Maven could not fetch Kafka"),
        ("exec sleep 600", "did not fetch Kafka within 0.2 s"),
    ],
)
def test_a_failing_maven_leaves_nothing_behind(
    bin_dir: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    monkeypatch.setattr(module, "MAVEN_TIMEOUT_S", 0.2 if "sleep" in code else 60)
    (bin_dir / "sleep").symlink_to("/bin/sleep")
    tool(bin_dir, "mvn", code)

    with pytest.raises(DevError, match=message):
        kafka_jars(print)

    assert [path.name for path in cache_dir().iterdir()] == [".lock"]


def test_a_cache_that_cannot_be_written_is_named(bin_dir: Path, tmp_path: Path) -> None:
    tool(bin_dir, "mvn", "exit 0")
    (tmp_path / "cache").write_text("")

    with pytest.raises(DevError, match="AOB_CACHE_DIR"):
        kafka_jars(print)


def test_java_is_read_from_what_it_says(bin_dir: Path) -> None:
    assert find_java() is None

    tool(bin_dir, "java", """echo 'openjdk version "21.0.2" 2024-01-16' >&2""")
    java = find_java()

    assert java
    assert java.version == 21


def test_a_java_that_does_not_run_is_none(bin_dir: Path) -> None:
    tool(bin_dir, "java", "echo 'Unable to locate a Java Runtime.' >&2; exit 1")

    assert find_java() is None


def test_the_java_of_java_home_comes_first(
    bin_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tool(bin_dir, "java", """echo 'openjdk version "17.0.1"' >&2""")
    (tmp_path / "home").mkdir()
    tool(tmp_path / "home" / "bin", "java", """echo 'openjdk version "25"' >&2""")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))

    java = find_java()

    assert java
    assert java.version == 25


def test_another_build_of_java_has_another_archive(bin_dir: Path) -> None:
    tool(bin_dir, "java", """echo 'openjdk version "17.0.1"' >&2""")
    first = find_java()
    tool(bin_dir, "java", """echo 'openjdk version "17.0.2"' >&2""")
    second = find_java()

    assert first
    assert second
    assert class_archive_path(first) != class_archive_path(second)


def test_the_pom_fetches_the_version_that_is_run_and_is_also_under_deploy() -> None:
    pom = (ROOT / "aob" / "dev" / "kafka-pom.xml").read_text()

    assert f"<version>{KAFKA_VERSION}</version>" in pom
    assert (ROOT / "deploy" / "kafka" / "pom.xml").read_text() == pom
