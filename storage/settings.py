"""Settings that more than one process reads, from the environment (`AOB_...`)."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """What every process knows. Each process adds its own in a subclass."""

    model_config = SettingsConfigDict(env_prefix="AOB_", extra="ignore", frozen=True)

    environment: Literal["dev", "production"] = Field(
        "production", description="`dev` allows what only one machine needs."
    )
    instance_id: str = Field(
        "0",
        pattern=r"^[A-Za-z0-9_.-]{1,64}$",
        description="Stable name of this instance, kept over restarts.",
    )
    kafka_bootstrap: str = Field("127.0.0.1:9092", description="Kafka's bootstrap servers, `HOST:PORT,...`.")
    partitions: int = Field(64, ge=1, le=4096, description="Partitions of the run-keyed topics.")
    replication_factor: int = Field(3, ge=1, le=9, description="Copies of every partition.")
    queues: str = Field(
        "default", description="Names of the job queues that have topics, with commas between."
    )
    postgres_dsn: SecretStr = Field(
        SecretStr("postgresql://127.0.0.1/aob"), description="Postgres connection string."
    )
    cas_dir: Path | None = Field(None, description="Folder of the content-addressed store (development).")
    state_dir: Path = Field(Path(".aob/state"), description="Folder of the processors' local state.")
    jwt_secret: SecretStr = Field(
        description="Key that signs the tokens of public records; 32 bytes at least.", min_length=32
    )
    health_port: int | None = Field(
        None, ge=1, le=65535, description="Port of /healthz, /readyz and /metrics on 127.0.0.1; none: off."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least level that is logged."
    )
    log_format: Literal["json", "pretty"] = Field(
        "json", description="One JSON object a line, or text for people."
    )

    @property
    def queue_names(self) -> tuple[str, ...]:
        """The queues as a tuple."""
        return tuple(name for part in self.queues.split(",") if (name := part.strip()))
