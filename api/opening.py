"""Opening what the api works with, in the order in which it is needed, and closing it again."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final

import psycopg

from api.auth import KeyRing, store_bootstrap_key
from api.gateway import GatewayUnavailableError, KafkaGateway
from api.services import Services, now_ms
from engine.errors import Refusal
from storage.cas import CasError, open_store
from storage.postgres.api_store import PostgresApiStore
from storage.postgres.errors import DatabaseUnavailable
from storage.postgres.pool import Pool
from storage.postgres.read_model import PostgresReadModel
from storage.registry import KafkaWorkflowRegistry
from storage.tokens import Tokens

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from api.settings import ApiSettings

_REGISTRY_S: Final = 30.0


class StartUpError(Exception):
    """The api cannot start; the message says what is missing."""


@asynccontextmanager
async def open_services(settings: ApiSettings) -> AsyncIterator[Services]:
    """The services on Kafka, Postgres and the CAS; StartUpError when one of them is missing."""
    try:
        cas = open_store(settings)
    except CasError as error:
        raise StartUpError(str(error)) from error
    pool = Pool(settings.postgres_dsn.get_secret_value(), name="api")
    gateway = KafkaGateway(
        settings.kafka_bootstrap,
        settings.api_reply_partition,
        delivery_timeout_ms=settings.api_delivery_timeout_ms,
    )
    registry = KafkaWorkflowRegistry(settings.kafka_bootstrap)
    try:
        await pool.open()
        store = PostgresApiStore(pool)
        await _ready(settings, gateway, registry, store)
        yield Services(
            settings=settings,
            keys=KeyRing(store, trusted_s=settings.api_key_cache_s),
            tokens=Tokens(settings.jwt_secret.get_secret_value()),
            registry=registry,
            gateway=gateway,
            cas=cas,
            store=store,
            reads=PostgresReadModel(pool),
        )
    finally:
        await asyncio.to_thread(registry.close)
        await gateway.close()
        await pool.close()


async def _ready(
    settings: ApiSettings, gateway: KafkaGateway, registry: KafkaWorkflowRegistry, store: PostgresApiStore
) -> None:
    try:
        await gateway.open()
        await asyncio.to_thread(registry.wait_ready, _REGISTRY_S)
        if settings.bootstrap_api_key is not None:
            await store_bootstrap_key(store, settings.bootstrap_api_key.get_secret_value(), now_ms())
        await store.ping()
    except GatewayUnavailableError as error:
        raise StartUpError(f"Kafka cannot be used: {error}") from error
    except Refusal as refusal:
        raise StartUpError(refusal.message) from refusal
    except DatabaseUnavailable as error:
        raise StartUpError(f"Postgres cannot be used (AOB_POSTGRES_DSN): {error}") from error
    except psycopg.errors.UndefinedTable as error:
        raise StartUpError("the database has no tables yet: run `aob migrate`") from error
