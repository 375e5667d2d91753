"""The real broker and the real database for this folder."""

from __future__ import annotations

from tests.support.kafka import installation, kafka_bootstrap
from tests.support.postgres import _migrated_database, database, new_database, postgres_dsn

__all__ = [
    "_migrated_database",
    "database",
    "installation",
    "kafka_bootstrap",
    "new_database",
    "postgres_dsn",
]
