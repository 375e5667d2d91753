"""The kinds of facts, for telling them from other records."""

from __future__ import annotations

import typing

from engine.facts import Fact

FACTS: tuple[type, ...] = typing.get_args(Fact)
