"""What every test shares: marks by folder and the hypothesis profiles."""

from __future__ import annotations

import os
import warnings
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    import pytest

pytest_plugins = ["tests.support.postgres"]

TESTS = Path(__file__).parent
MARKED_FOLDERS = frozenset({"integration", "e2e", "chaos"})

# On import Authlib (a dependency of quixstreams) puts a filter of its own before those of pyproject.toml.
with warnings.catch_warnings():
    import_module("authlib.deprecate")

# A deadline measures the machine. `ci` repeats the same examples; `dev` looks at new ones each time.
settings.register_profile(
    "ci", deadline=None, derandomize=True, print_blob=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("dev", deadline=None, max_examples=50)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if not item.path.is_relative_to(TESTS):
            continue
        folder = item.path.relative_to(TESTS).parts[0]
        if folder in MARKED_FOLDERS:
            item.add_marker(folder)
