"""Settings of a runner, on top of those that every process reads."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, field_validator

from storage.settings import Settings
from workers.http import AllowList

MIB = 1024 * 1024


class RunnerSettings(Settings):
    """What a runner needs to know. Times are in the unit that the name ends with."""

    queues: str = Field("default", description="Queues whose jobs this runner takes, with commas between.")
    functions: str = Field("", description="Modules with functions to load, with commas between.")
    in_flight: int = Field(200, ge=1, le=100_000, description="Jobs that run at a time.")
    threads: int = Field(32, ge=1, le=1000, description="Sync functions that run at a time.")
    drain_seconds: float = Field(
        10,
        ge=0,
        le=3600,
        description="How long a stopping runner lets its jobs run, then hands them back.",
    )
    http_allow: str = Field(
        "",
        description="What HTTP nodes may reach though it is not public: HOST:PORT with commas between; "
        "HOST is a name, an address or a network, PORT a number or *.",
    )
    http_max_bytes: int = Field(
        10 * MIB, ge=1024, description="Largest response body of an HTTP node, in bytes."
    )
    http_timeout_seconds: float = Field(
        300,
        gt=0,
        le=86_400,
        description="How long a request of an HTTP node without a `timeout_ms` may take in all.",
    )
    http_ca_file: Path | None = Field(
        None, description="PEM file of the authorities that HTTP nodes trust, instead of the usual ones."
    )
    blob_cache_bytes: int = Field(
        128 * MIB, ge=0, description="Memory for large payloads that were read lately, in bytes."
    )

    @field_validator("http_allow")
    @classmethod
    def _readable(cls, text: str) -> str:
        AllowList(text)
        return text

    @property
    def function_modules(self) -> tuple[str, ...]:
        """The modules as a tuple."""
        return tuple(name for part in self.functions.split(",") if (name := part.strip()))
