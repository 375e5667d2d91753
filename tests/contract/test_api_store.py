"""What every api store does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from engine import events
from engine.payload import NULL
from storage.postgres.api_rows import ApiKey, AuditEntry, StartClaim
from storage.postgres.api_store import ApiStore, PostgresApiStore
from storage.postgres.errors import Conflict, DatabaseUnavailable
from storage.postgres.memory_api_store import MemoryApiStore
from storage.postgres.memory_projection import MemoryProjection, MemoryTables
from storage.postgres.pool import Pool
from storage.postgres.projection import Projection
from tests.support.decisions import TOPIC, Run, arrivals, started

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from storage.postgres.batch import Projecting


class Bench(NamedTuple):
    store: ApiStore
    projection: Projecting

    def project(self, run_id: str, *, ended: bool) -> None:
        happened: list[events.Event] = [started()]
        if ended:
            happened.append(events.RunCompleted(output=NULL))
        offset = self.projection.next_offset(TOPIC, 0)
        self.projection.write(arrivals([Run(run_id).decide(*happened)], offset))


@pytest.fixture(params=[pytest.param("postgres", marks=pytest.mark.integration), "memory"])
async def bench(request: pytest.FixtureRequest) -> AsyncIterator[Bench]:
    if request.param == "memory":
        tables = MemoryTables()
        yield Bench(MemoryApiStore(tables), MemoryProjection(tables, "outbox"))
        return
    dsn: str = request.getfixturevalue("database")
    pool = Pool(dsn, name="test")
    await pool.open()
    projection = Projection(dsn, "outbox")
    yield Bench(PostgresApiStore(pool), projection)
    projection.close()
    await pool.close()


def key(number: int = 1, **fields: object) -> ApiKey:
    values: dict[str, object] = {
        "key_id": f"k{number}",
        "digest": f"{number:064x}",
        "workspace": "default",
        "role": "member",
        "name": "ann",
        "created_at": number,
    }
    return ApiKey(**values | fields)  # type: ignore[arg-type]


async def test_a_key_is_found_by_its_digest(bench: Bench) -> None:
    await bench.store.create_key(key(1))
    await bench.store.create_key(key(2, workspace="other", role="admin"))

    assert await bench.store.find_key(key(1).digest) == key(1)
    assert await bench.store.find_key(key(2).digest) == key(2, workspace="other", role="admin")
    assert await bench.store.find_key("f" * 64) is None
    assert await bench.store.list_keys("default") == [key(1)]


@pytest.mark.parametrize("same", [{"key_id": "k1"}, {"digest": f"{1:064x}"}])
async def test_a_key_is_added_once(bench: Bench, same: dict[str, str]) -> None:
    await bench.store.create_key(key(1))

    with pytest.raises(Conflict):
        await bench.store.create_key(key(2, **same))
    assert await bench.store.list_keys("default") == [key(1)]


async def test_a_key_is_revoked_once_and_in_its_workspace(bench: Bench) -> None:
    await bench.store.create_key(key(1))

    assert not await bench.store.revoke_key("other", "k1", 50)
    assert not await bench.store.revoke_key("default", "k2", 50)
    assert await bench.store.revoke_key("default", "k1", 60)
    assert await bench.store.revoke_key("default", "k1", 70)
    assert await bench.store.find_key(key(1).digest) == key(1, revoked_at=60)


async def test_bootstrap_adds_and_updates(bench: Bench) -> None:
    await bench.store.bootstrap_key(key(1))
    await bench.store.bootstrap_key(key(1, key_id="again", created_at=9, role="admin", name="bob"))

    assert await bench.store.find_key(key(1).digest) == key(1, role="admin", name="bob")


async def test_bootstrap_does_not_revive_a_revoked_key(bench: Bench) -> None:
    await bench.store.bootstrap_key(key(1))
    await bench.store.revoke_key("default", "k1", 60)
    await bench.store.bootstrap_key(key(1))

    found = await bench.store.find_key(key(1).digest)
    assert found is not None
    assert found.revoked_at == 60


async def test_bootstrap_takes_no_other_keys_id(bench: Bench) -> None:
    await bench.store.create_key(key(1))

    with pytest.raises(Conflict):
        await bench.store.bootstrap_key(key(2, key_id="k1"))


async def test_an_idempotency_key_stands_for_its_first_request(bench: Bench) -> None:
    first = StartClaim("r0_1", "hash")

    assert await bench.store.claim_start("default", "i", "hash", "r0_1", 1) == first
    assert await bench.store.claim_start("default", "i", "hash", "r0_2", 2) == first
    assert await bench.store.claim_start("default", "i", "other", "r0_3", 3) == first
    assert await bench.store.claim_start("other", "i", "hash", "r0_4", 4) == StartClaim("r0_4", "hash")


async def test_of_many_at_once_one_wins(bench: Bench) -> None:
    claims = await asyncio.gather(
        *(bench.store.claim_start("default", "i", f"h{n}", f"r0_{n}", n) for n in range(20))
    )

    assert len(set(claims)) == 1


async def test_old_idempotency_keys_are_forgotten(bench: Bench) -> None:
    for number in range(4):
        await bench.store.claim_start("default", f"i{number}", "hash", f"r0_{number}", number)

    assert await bench.store.forget_starts(2) == 2
    assert (await bench.store.claim_start("default", "i1", "hash", "r0_new", 9)).run_id == "r0_new"
    assert (await bench.store.claim_start("default", "i2", "hash", "r0_new", 9)).run_id == "r0_2"


async def claim(bench: Bench, run_id: str, **options: str) -> str:
    return await bench.store.claim_run_key("default", "flow", "order-7", run_id, 5, **options)


async def test_a_business_key_has_one_live_run(bench: Bench) -> None:
    assert await claim(bench, "r0_1") == "r0_1"
    assert await claim(bench, "r0_2") == "r0_1"
    assert await claim(bench, "r0_1") == "r0_1"
    assert await bench.store.claim_run_key("default", "other", "order-7", "r0_3", 5) == "r0_3"
    assert await bench.store.claim_run_key("other", "flow", "order-7", "r0_4", 5) == "r0_4"


async def test_a_business_key_is_free_again_when_its_run_has_ended(bench: Bench) -> None:
    await claim(bench, "r0_1")
    bench.project("r0_1", ended=False)
    assert await claim(bench, "r0_2") == "r0_1"

    await claim(bench, "r0_3", instead_of="r0_1")
    bench.project("r0_3", ended=True)
    assert await claim(bench, "r0_4") == "r0_4"
    assert await claim(bench, "r0_5") == "r0_4"


async def test_a_business_key_is_taken_from_the_run_that_is_named(bench: Bench) -> None:
    await claim(bench, "r0_1")

    assert await claim(bench, "r0_2", instead_of="r0_other") == "r0_1"
    assert await claim(bench, "r0_2", instead_of="r0_1") == "r0_2"
    assert await claim(bench, "r0_3", instead_of="r0_1") == "r0_2"


async def test_a_claim_is_given_back_by_its_run_alone(bench: Bench) -> None:
    await claim(bench, "r0_1")
    await bench.store.release_run_key("default", "flow", "order-7", "r0_2")
    assert await claim(bench, "r0_2") == "r0_1"

    await bench.store.release_run_key("default", "flow", "order-7", "r0_1")
    assert await claim(bench, "r0_2") == "r0_2"


async def test_of_many_claims_at_once_one_wins(bench: Bench) -> None:
    assert len(set(await asyncio.gather(*(claim(bench, f"r0_{n}") for n in range(20))))) == 1


async def test_audit(bench: Bench) -> None:
    entries = [
        AuditEntry(
            workspace="default",
            at=number,
            author="key:k1",
            action="key.created",
            target=f"k{number}",
            detail=msgspec.Raw(b'{"a":\t1}') if number else None,
        )
        for number in range(4)
    ]
    numbers = [await bench.store.add_audit(entry) for entry in entries]
    await bench.store.add_audit(msgspec.structs.replace(entries[0], workspace="other"))

    listed = await bench.store.list_audit("default")
    assert [entry.entry for entry in listed] == numbers[::-1]
    assert [entry.target for entry in listed] == ["k3", "k2", "k1", "k0"]
    assert [None if entry.detail is None else bytes(entry.detail) for entry in listed[2:]] == [
        b'{"a":\t1}',
        None,
    ]
    later = await bench.store.list_audit("default", before=listed[1].entry, limit=1)
    assert [entry.target for entry in later] == ["k1"]


async def test_the_store_answers(bench: Bench) -> None:
    await bench.store.ping()


async def test_a_database_that_is_away_is_said_so() -> None:
    pool = Pool("postgresql://127.0.0.1:1/none", name="away", timeout_s=0.2)
    await pool.open()
    with pytest.raises(DatabaseUnavailable):
        await PostgresApiStore(pool).ping()
    await pool.close()
