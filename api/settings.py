"""What the api reads from the environment."""

from __future__ import annotations

from typing import Self

from pydantic import Field, SecretStr, model_validator

from storage.settings import Settings

_STRONG_KEY = 32


class ApiSettings(Settings):
    """Settings of the HTTP edge, beside those of every process."""

    api_host: str = Field("127.0.0.1", description="Address that the api listens on.")
    api_port: int = Field(8080, ge=0, le=65535, description="Port that the api listens on.")
    api_reply_partition: int = Field(
        0, ge=0, description="Partition of command.replies that this instance alone reads."
    )
    api_body_limit: int = Field(1024 * 1024, ge=1024, description="Largest request body, in bytes.")
    api_inputs_limit: int = Field(
        10 * 1024 * 1024, ge=1024, description="Largest body that carries inputs (starts, signals), in bytes."
    )
    api_delivery_timeout_ms: int = Field(
        5000, ge=100, description="How long Kafka may take to confirm a command before the answer is 503."
    )
    api_reply_timeout_s: float = Field(
        5.0, gt=0, le=60, description="How long an upload, a tag or a signal waits for its outcome."
    )
    api_key_cache_s: float = Field(
        5.0,
        ge=0,
        le=300,
        description="How long a looked-up API key is trusted; a revoked one lives that long.",
    )
    api_accepted_s: float = Field(
        600.0, gt=0, description="How long a run that the projection does not show yet is called ACCEPTED."
    )
    api_projection_lag_s: float = Field(
        0.5, ge=0, le=10, description="How long an artifact that the projection does not show is looked for."
    )
    api_takeover_s: float = Field(
        10.0,
        gt=0,
        le=60,
        description="How long a start waits for the run that has its key: to end, or to be known.",
    )
    api_starts_kept_s: int = Field(
        7 * 24 * 3600, ge=3600, description="How long an idempotency key is remembered."
    )
    api_drain_s: int = Field(
        10, ge=0, description="How long requests in flight may take when the api is stopped."
    )
    bootstrap_api_key: SecretStr | None = Field(
        None, min_length=8, description="An admin key of workspace `default`, beside those in Postgres."
    )

    @model_validator(mode="after")
    def _bootstrap_key_is_strong(self) -> Self:
        key = self.bootstrap_api_key
        if self.environment == "production" and key is not None and len(key.get_secret_value()) < _STRONG_KEY:
            msg = f"AOB_BOOTSTRAP_API_KEY needs {_STRONG_KEY} characters when AOB_ENVIRONMENT is production"
            raise ValueError(msg)
        return self
