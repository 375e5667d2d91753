"""What the workflow calls. The data are the metadata of the Python packages installed beside `aob`."""

from __future__ import annotations

from importlib.metadata import distribution, distributions

from aob import function


@function
def list_packages() -> list[list[str]]:
    """The names of the installed packages, grouped by their first letter."""
    groups: dict[str, set[str]] = {}
    for package in distributions():
        name = package.metadata["Name"]
        groups.setdefault(name[0].lower(), set()).add(name)
    return [sorted(groups[letter]) for letter in sorted(groups)]


@function
def read_licence(name: str) -> dict[str, str]:
    """A package's licence: the SPDX expression of its metadata, else the classifier, else the free text."""
    metadata = distribution(name).metadata
    classifiers = [
        line.rpartition(" :: ")[2]
        for line in metadata.get_all("Classifier") or []
        if line.startswith("License ::") and not line.endswith("OSI Approved")
    ]
    expression = "".join(metadata.get_all("License-Expression") or [])
    text = "".join(metadata.get_all("License") or []).strip().partition("\n")[0][:40]
    return {"package": name, "licence": expression or ", ".join(classifiers) or text or "unknown"}
