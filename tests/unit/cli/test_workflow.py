from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.cli.conftest import Aob

VALID = {
    "name": "greet",
    "nodes": [{"id": "a", "type": "transform", "config": {"expression": "1 + 1"}}],
    "edges": [],
}
PUSHED = {"name": "greet", "version": 3, "hash": "ab" * 32, "tag": "main"}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "greet.json"
    path.write_text(json.dumps(VALID))
    return path


def test_push_sends_the_definition(aob: Aob, file: Path) -> None:
    aob.server.on("PUT /v1/workflows/greet", PUSHED, 201)
    assert aob("workflow", "push", str(file), "--tag", "next") == 0
    assert aob.out == "greet v3 (main)\n"
    assert aob.server.asked[0].path == "/v1/workflows/greet?tag=next"
    assert aob.server.asked[0].json() == VALID


def test_push_under_another_name(aob: Aob, file: Path) -> None:
    aob.server.on("PUT /v1/workflows/hello", PUSHED | {"name": "hello"})
    assert aob("workflow", "push", str(file), "--name", "hello", "-o", "compact") == 0
    assert aob.server.asked[0].json()["name"] == "hello"
    assert json.loads(aob.out)["version"] == 3


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", "is not JSON"), ("[]", "is not a workflow"), ("{}", "/name: a workflow needs a name")],
)
def test_what_is_no_definition_is_not_sent(aob: Aob, tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "bad.json").write_text(content)
    assert aob("workflow", "push", "bad.json") == 1
    assert said in aob.err
    assert aob.server.asked == []


def test_validate_needs_no_server(aob: Aob, file: Path) -> None:
    aob.monkeypatch.delenv("AOB_API_URL")
    assert aob("workflow", "validate", str(file)) == 0
    assert aob.out == "greet is valid (1 nodes)\n"
    assert aob("workflow", "validate", "-", "-o", "json", stdin=json.dumps(VALID)) == 0
    assert json.loads(aob.out)["valid"] is True
    assert aob.server.asked == []


@pytest.mark.parametrize(
    ("definition", "pointer"),
    [
        (VALID | {"nodes": [{"id": "a", "type": "nonsense"}]}, "/nodes/0"),
        (
            VALID | {"nodes": [{"id": "a", "type": "transform", "config": {"expression": "1 +"}}]},
            "/nodes/0/config",
        ),
        (VALID | {"edges": [{"from": "a", "to": "nobody"}]}, "/edges/0"),
    ],
)
def test_validate_points_at_each_fault(aob: Aob, definition: dict[str, object], pointer: str) -> None:
    assert aob("workflow", "validate", "-", stdin=json.dumps(definition)) == 1
    assert aob.out == ""
    assert any(line.startswith(f"  {pointer}") for line in aob.err.splitlines())
    assert aob("workflow", "validate", "-", "-o", "compact", stdin=json.dumps(definition)) == 1
    report = json.loads(aob.out)
    assert report["valid"] is False
    assert report["errors"][0]["pointer"].startswith(pointer)


def test_list(aob: Aob) -> None:
    aob.server.on(
        "GET /v1/workflows", {"workflows": [{"name": "greet", "versions": 3, "tags": {"prod": 2, "main": 3}}]}
    )
    assert aob("workflow", "list") == 0
    assert aob.out.splitlines()[1].split() == ["greet", "3", "main=v3,", "prod=v2"]


def test_show(aob: Aob) -> None:
    view = {
        "name": "greet",
        "version": 2,
        "hash": "ab" * 32,
        "versions": [{"version": 1, "hash": "x"}, {"version": 2, "hash": "y"}],
        "tags": {"main": 2},
        "definition": VALID,
    }
    aob.server.on("GET /v1/workflows/greet", view)
    assert aob("workflow", "show", "greet", "--version", "2") == 0
    assert "2 of 2" in aob.out
    assert '"expression": "1 + 1"' in aob.out
    assert aob("workflow", "show", "greet", "--tag", "main", "-o", "json") == 0
    assert json.loads(aob.out) == view
    assert [asked.path for asked in aob.server.asked] == [
        "/v1/workflows/greet?version=2",
        "/v1/workflows/greet?tag=main",
    ]
