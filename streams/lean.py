"""quixstreams without the schema-registry client that it imports and we never call.

That client brings an OAuth library, an HTTP client and a cryptography stack: 0.6 s of CPU and 14 MB in each
of five processors (measured, docs/performance.md). `streams/__init__.py` calls this before anything of
quixstreams is imported. What stands in its place can be imported and named; whoever calls it is told.
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Final

_PACKAGE: Final = "confluent_kafka.schema_registry"
_MODULES: Final = ("", ".avro", ".json_schema", ".protobuf")


class _Absent(ModuleType):
    __path__: list[str]

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.__path__ = []

    def __getattr__(self, name: str) -> type:
        if name.startswith("__"):
            raise AttributeError(name)
        kind = type(name, (Exception,) if name.endswith("Error") else (), {"__init__": _refuse})
        setattr(self, name, kind)
        return kind


def _refuse(self: object, *_args: object, **_options: object) -> None:
    raise NotImplementedError(
        f"{type(self).__name__}: the schema-registry client is left out (streams/lean.py)"
    )


def leave_out_schema_registry() -> None:
    """Put the absent modules in place, unless the real ones are loaded already."""
    if _PACKAGE in sys.modules:
        return
    for suffix in _MODULES:
        sys.modules[_PACKAGE + suffix] = _Absent(_PACKAGE + suffix)
