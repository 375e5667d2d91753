"""The real broker for this folder."""

from __future__ import annotations

from tests.support.kafka import installation, kafka_bootstrap

__all__ = ["installation", "kafka_bootstrap"]
