"""The examples on their real input, with the results that this input has."""

from __future__ import annotations

import json
from importlib.metadata import distributions
from pathlib import Path
from typing import TYPE_CHECKING, Any

import certifi
import pytest
from cryptography import x509

from examples import demo
from examples.review.tasks import LINES_ON_PAGE
from tests.e2e.stack import ROOT

if TYPE_CHECKING:
    from tests.e2e.stack import Stack
    from tests.e2e.web import Web

pytestmark = pytest.mark.timeout(240)


def definition(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((ROOT / "examples" / name / "workflow.json").read_bytes())
    return loaded


@pytest.mark.filterwarnings("ignore:Parsed a serial number")  # an old authority among them has the number 0
def test_certificates(stack: Stack, web: Web) -> None:
    certificates = x509.load_pem_x509_certificates(Path(certifi.where()).read_bytes())
    before = "2030-01-01"
    expires = sorted(c.not_valid_after_utc.date().isoformat() for c in certificates)
    url = f"{web.url}/file/certificates"

    run = stack.completed(definition("certificates"), inputs={"url": url, "before": before})

    output = run["output"]
    assert output["certificates"] == len(certificates)
    assert output["expiring"] == len([day for day in expires if day < before]) > 0
    assert output["told"]["expires"] == expires[0]
    nodes = {node["id"]: node for node in run["nodes"]}
    assert nodes["fetch"]["attempt"] == nodes["notify"]["attempt"] == 2
    assert nodes["all_good"]["status"] == "SKIPPED"
    assert web.requests["/file/certificates"] == 2

    none = stack.completed(definition("certificates"), inputs={"url": url, "before": "2000-01-01"})
    assert (none["output"]["expiring"], none["output"]["told"]) == (0, None)
    assert {n["id"]: n["status"] for n in none["nodes"]}["notify"] == "SKIPPED"


def test_licences(stack: Stack) -> None:
    run = stack.completed(definition("licences"))

    assert run["output"]["packages"] == len({package.metadata["Name"] for package in distributions()})
    assert run["output"]["licences"] > 3
    letters = [node for node in run["nodes"] if node["id"].startswith("letters[")]
    assert {node["status"] for node in letters} == {"SUCCEEDED"}
    children = stack.rows("SELECT status FROM runs WHERE parent_run_id = %s", run["run_id"])
    assert children == [("COMPLETED",)] * len(letters)


def test_review_is_read_and_signalled(stack: Stack) -> None:
    text = (ROOT / "LICENSE").read_text("utf-8")
    run_id = stack.start(definition("review"), inputs={"reader": "ada"})
    stack.when_node(run_id, "verdict", "WAITING")
    told = stack.http.post(f"/v1/runs/{run_id}/signals/verdict", json={"verdict": "fine"})

    assert told.status_code == 200
    run = stack.ended(run_id)
    assert run["output"] == {"words": len(text.split()), "verdict": "fine"}
    pages = [node for node in run["nodes"] if node["id"].startswith("read#")]
    assert len(pages) == -(-len(text.splitlines()) // LINES_ON_PAGE)


def test_review_is_cancelled_and_undone(stack: Stack) -> None:
    run_id = stack.start(definition("review"), inputs={"reader": "ada"})
    stack.when_node(run_id, "verdict", "WAITING")
    stack.http.post(f"/v1/runs/{run_id}/cancel")

    nodes = {node["id"]: node for node in stack.when(run_id, "CANCELLED")["nodes"]}
    assert nodes["verdict"]["status"] == "CANCELLED"
    assert nodes["release"]["output"] == {"released": nodes["reserve"]["output"]["reservation"]}


def test_the_demo_shows_a_completed_run(
    stack: Stack, web: Web, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)
    assert demo.show(stack.env, f"{web.url}/file/demo") == 0

    out = capfd.readouterr().out
    assert "node.retrying" in out
    assert '"certificates": ' in out
    assert out.endswith("status: COMPLETED\n")
