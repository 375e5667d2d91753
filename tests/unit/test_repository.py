from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tomllib
from functools import cache
from importlib import resources
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
TARGET = re.compile(r"^([a-z][a-z-]*):.*## (\S.*)$", re.MULTILINE)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)(?:\s+\"[^\"]*\")?\)|!\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^(```|~~~).*?^\1", re.MULTILINE | re.DOTALL)
DECISION = re.compile(r"^(\d{4})-[a-z0-9-]+\.md$")

# Home folders of people and machines.
HOME_PATH = re.compile(r"(?<![\w.:/-])/(?:(?:home|Users)/[\w.-]+|root)/|[A-Z]:\\Users\\")
# Any path of two folders: one that exists here, outside of the system's folders, belongs to this machine.
ABSOLUTE_PATH = re.compile(r"(?<![\w.:/~$*})\]-])/[\w.@+-]+/[\w.@+-]+")
SYSTEM_FOLDERS = frozenset(
    {"bin", "boot", "dev", "etc", "lib", "opt", "proc", "run", "sbin", "sys", "tmp", "usr", "var"}
)
# Hosts that serve packages, official ones and the usual names of private mirrors.
REGISTRY_HOST = re.compile(
    r"(?:[\w-]+\.)*(?:pypi|pythonhosted|npmjs|npmmirror|yarnpkg|rubygems|devpi|artifactory|jfrog|nexus)\.[a-z][\w.-]+"
    r"|repo\d*\.maven\.[a-z][\w.-]+|(?:static|index)\.crates\.[a-z]+|proxy\.golang\.[a-z]+",
    re.IGNORECASE,
)
INDEX_VARIABLES = (
    *("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_FIND_LINKS"),
    *("UV_DEFAULT_INDEX", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_FIND_LINKS"),
)


def run(*command: str) -> str:
    # make hands its own flags down to a make that a test starts; they would change what it prints.
    environment = {
        name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL"}
    }
    return subprocess.run(
        command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True
    ).stdout


@cache
def project_files() -> tuple[Path, ...]:
    """Every file git knows or would add; in an unpacked archive every file outside of hidden folders."""
    if (ROOT / ".git").exists():
        names = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
        return tuple(path for name in names if name and (path := ROOT / name).is_file())
    return tuple(path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts)


def texts() -> dict[str, str]:
    found = {}
    for path in project_files():
        content = path.read_bytes()
        if b"\0" not in content:
            found[str(path.relative_to(ROOT))] = content.decode(errors="replace")
    return found


def places(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for name, text in texts().items()
        for match in pattern.finditer(text)
    ]


@cache
def is_local(path: str) -> bool:
    return Path(path).parts[1] not in SYSTEM_FOLDERS and Path(path).exists()


def documented_targets() -> dict[str, str]:
    return dict(TARGET.findall((ROOT / "Makefile").read_text()))


def is_in_project(path: Path) -> bool:
    return any(file == path or path in file.parents for file in project_files())


def anchors(markdown: str) -> set[str]:
    headings = re.findall(r"^#+ +(.+?) *#*$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(page: Path) -> list[str]:
    broken = []
    for match in LINK.finditer(FENCE.sub("", page.read_text())):
        target = match.group(1) or match.group(2)
        url = urlsplit(target)
        if url.scheme:
            continue
        file = (page.parent / unquote(url.path)).resolve() if url.path else page
        missing_anchor = (
            url.fragment
            and file.suffix == ".md"
            and file.is_file()
            and url.fragment not in anchors(file.read_text())
        )
        if not is_in_project(file) or missing_anchor:
            broken.append(f"{page.relative_to(ROOT)}: {target}")
    return broken


def test_decisions_are_numbered_without_gaps_or_duplicates() -> None:
    names = sorted(path.name for path in project_files() if path.parent == ROOT / "docs" / "decisions")
    matches = [DECISION.match(name) for name in names if name != "README.md"]

    assert all(matches), f"a decision is named NNNN-title.md: {names}"
    numbers = [int(match.group(1)) for match in matches if match]
    assert numbers == list(range(1, len(numbers) + 1))


def test_every_link_in_the_documentation_resolves() -> None:
    pages = [path for path in project_files() if path.suffix == ".md"]

    assert ROOT / "README.md" in pages
    assert [link for page in pages for link in broken_links(page)] == []


def test_changelog_has_an_unreleased_section_first() -> None:
    sections = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)

    assert sections[0] == "Unreleased"


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
@pytest.mark.parametrize("arguments", [(), ("help",)], ids=["default", "help"])
def test_make_help_lists_every_documented_target(arguments: tuple[str, ...]) -> None:
    shown = dict(re.findall(r"^ +make ([a-z-]+) +(.+)$", run("make", *arguments), re.MULTILINE))

    assert shown == documented_targets()


def test_every_target_is_documented_and_phony() -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^([a-z][a-z-]*):(?!=)", makefile, re.MULTILINE)
    phony = re.search(r"^\.PHONY:(.*)$", makefile, re.MULTILINE)

    assert phony
    assert sorted(targets) == sorted(documented_targets()) == sorted(phony.group(1).split())


def test_pages_name_only_targets_that_exist() -> None:
    named = {
        target
        for path in project_files()
        if path.suffix == ".md"
        for target in re.findall(r"(?:`|^ *)make ([a-z][a-z-]*)", path.read_text(), re.MULTILINE)
    }

    assert {"demo", "test"} <= named <= documented_targets().keys()


def test_no_file_names_a_folder_of_one_machine() -> None:
    local = [place for place in places(ABSOLUTE_PATH) if is_local(place.rpartition(" ")[2])]

    assert places(HOME_PATH) + local == []


def test_no_file_names_a_package_registry() -> None:
    assert places(REGISTRY_HOST) == []


def test_no_file_names_the_package_index_of_this_machine() -> None:
    values = [os.environ.get(name, "") for name in INDEX_VARIABLES]
    values.append(run(sys.executable, "-m", "pip", "config", "list"))
    hosts = {
        host
        for value in values
        for url in re.findall(r"https?://[^\s'\"]+", value)
        if (host := urlsplit(url).hostname)
    }

    assert [place for host in hosts for place in places(re.compile(re.escape(host)))] == []


def test_lock_holds_only_hashed_releases() -> None:
    lines = (ROOT / "requirements.lock").read_text().replace("\\\n", " ").splitlines()
    requirement = re.compile(
        r"^[a-z0-9][\w.-]*(\[[\w,-]+\])?==[\w.!+-]+( ; [^#]+?)?( +--hash=sha256:[0-9a-f]{64})+ *$"
    )

    assert [line for line in lines if not requirement.match(line)] == []


def test_lock_holds_every_declared_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    declared = [
        *project["project"]["dependencies"],
        *project["dependency-groups"]["dev"],
        *project["build-system"]["requires"],
    ]
    locked = set(
        re.findall(r"^([\w.-]+)(?:\[[^\]]*\])?==", (ROOT / "requirements.lock").read_text(), re.MULTILINE)
    )
    names = {re.split(r"[\[<>=!~; ]", requirement)[0].lower() for requirement in declared}

    assert names - locked == set()


def test_package_data_is_importable() -> None:
    for package, suffix in (("schemas", ".avsc"), ("schemas", ".json"), ("migrations", ".sql")):
        in_tree = {str(path.relative_to(ROOT / package)) for path in (ROOT / package).rglob(f"*{suffix}")}
        root = resources.files(package)
        assert all(root.joinpath(name).is_file() for name in in_tree)
