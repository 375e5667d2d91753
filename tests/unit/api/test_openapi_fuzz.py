"""Requests made of the OpenAPI document, right and wrong: no fault, and every answer is documented."""

from __future__ import annotations

import asyncio
from typing import Any

import schemathesis
from hypothesis import HealthCheck, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.unit.api.world import World, workflow

EXAMPLES = 8
CHECKS = [
    not_a_server_error,
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
]


async def _prepared() -> World:
    world = World(api_reply_timeout_s=0.01)
    async with world.client(await world.key("acme", "admin")) as client:
        assert (await client.put("/v1/workflows/etl", json=workflow())).status_code == 201
    world.project("r0_one")
    world.run_reply = {"status": "COMPLETED"}
    return world


AUTHORIZED = {"authorization": "Bearer acme-admin"}

schema = schemathesis.openapi.from_asgi("/openapi.json", asyncio.run(_prepared()).app, headers=AUTHORIZED)


@schema.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
def test_no_request_is_a_fault(case: schemathesis.Case[Any]) -> None:
    case.call_and_validate(headers=AUTHORIZED, checks=CHECKS)
