"""What the fanout reads from the environment."""

from __future__ import annotations

from pydantic import Field

from storage.settings import Settings


class FanoutSettings(Settings):
    """Settings of the live feed, beside those of every process."""

    fanout_host: str = Field("127.0.0.1", description="Address that the live feed listens on.")
    fanout_port: int = Field(8081, ge=0, le=65535, description="Port that the live feed listens on.")
    fanout_max_streams: int = Field(
        10_000, ge=1, description="Streams that may be open at once; one more is answered with 503."
    )
    fanout_ring_bytes: int = Field(
        32 * 1024 * 1024,
        ge=0,
        description="Size of the newest records that are kept for readers to come, in bytes.",
    )
    fanout_buffer_bytes: int = Field(
        1024 * 1024,
        ge=1024,
        description="What may wait for one slow reader before it is sent to the history, in bytes.",
    )
    fanout_heartbeat_s: float = Field(
        15.0, gt=0, description="Time between the comments that keep a quiet stream open."
    )
    fanout_accepted_s: float = Field(
        600.0,
        gt=0,
        description="How long the feed of a run that nobody has seen yet waits for it, from its acceptance.",
    )
    fanout_key_cache_s: float = Field(
        5.0,
        ge=0,
        le=300,
        description="How long a looked-up API key is trusted; a revoked one lives that long.",
    )
    fanout_drain_s: int = Field(
        5, ge=0, description="How long streams may take to end when the process is stopped."
    )
