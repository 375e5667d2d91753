"""What every api store does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import pytest

from engine import events
from engine.payload import NULL
from storage.postgres.api_rows import ApiKey, AuditEntry, KeyHolder, RunKey, StartClaim
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


def claimed_start(number: int, request_hash: str = "hash", **chosen: object) -> StartClaim:
    return StartClaim(f"r0_{number}", request_hash, **chosen)  # type: ignore[arg-type]


async def test_an_idempotency_key_stands_for_its_first_request(bench: Bench) -> None:
    first = claimed_start(1, workflow="flow", version=3, definition_hash="a" * 64)
    claim = bench.store.claim_start

    assert await bench.store.find_start("default", "i") is None
    assert await claim("default", "i", first, 1) == first
    assert await claim("default", "i", claimed_start(2), 2) == first
    assert await claim("default", "i", claimed_start(3, "other"), 3) == first
    assert await claim("other", "i", claimed_start(4), 4) == claimed_start(4)
    assert await bench.store.find_start("default", "i") == first


async def test_of_many_at_once_one_wins(bench: Bench) -> None:
    claims = await asyncio.gather(
        *(bench.store.claim_start("default", "i", claimed_start(n, f"h{n}"), n) for n in range(20))
    )

    assert len(set(claims)) == 1


async def test_old_idempotency_keys_are_forgotten(bench: Bench) -> None:
    for number in range(6):
        await bench.store.claim_start("default", f"i{number}", claimed_start(number), number)

    assert await bench.store.forget_starts(4, limit=3) == 3
    assert await bench.store.forget_starts(4, limit=3) == 1
    assert await bench.store.forget_starts(4) == 0
    assert await bench.store.claim_start("default", "i3", claimed_start(7), 9) == claimed_start(7)
    assert await bench.store.claim_start("default", "i4", claimed_start(7), 9) == claimed_start(4)


KEY = RunKey("default", "flow", "order-7")


async def claim(bench: Bench, run_id: str, key: RunKey = KEY, instead_of: str | None = None) -> str:
    named = None if instead_of is None else KeyHolder(instead_of)
    return (await bench.store.claim_run_key(key, KeyHolder(run_id), 5, instead_of=named)).run_id


async def test_a_business_key_has_one_live_run(bench: Bench) -> None:
    assert await claim(bench, "r0_1") == "r0_1"
    assert await claim(bench, "r0_2") == "r0_1"
    assert await claim(bench, "r0_1") == "r0_1"
    assert await claim(bench, "r0_3", KEY._replace(workflow="other")) == "r0_3"
    assert await claim(bench, "r0_4", KEY._replace(workspace="other")) == "r0_4"


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


async def test_a_business_key_is_not_taken_from_a_claim_that_was_renewed(bench: Bench) -> None:
    seen = await bench.store.claim_run_key(KEY, KeyHolder("r0_1", "hash", 20), 5)
    await bench.store.claim_run_key(KEY, KeyHolder("r0_1", "hash", 30), 6)

    rival = KeyHolder("r0_2", "other", 40)
    assert (await bench.store.claim_run_key(KEY, rival, 7, instead_of=seen)).run_id == "r0_1"
    await bench.store.trust_run_key(KEY, "r0_1", 20)
    assert (await bench.store.claim_run_key(KEY, rival, 8, instead_of=seen)).run_id == "r0_2"


async def test_a_claim_is_given_back_by_its_run_alone(bench: Bench) -> None:
    await claim(bench, "r0_1")
    await bench.store.release_run_key(KEY, "r0_2")
    assert await claim(bench, "r0_2") == "r0_1"

    await bench.store.release_run_key(KEY, "r0_1")
    assert await claim(bench, "r0_2") == "r0_2"


async def test_a_claim_says_whether_its_start_has_arrived(bench: Bench) -> None:
    under_way = KeyHolder("r0_1", "hash", 20)
    assert await bench.store.claim_run_key(KEY, under_way, 5) == under_way
    assert await bench.store.claim_run_key(KEY, KeyHolder("r0_2"), 6) == under_way

    await bench.store.trust_run_key(KEY, "r0_2", 99)
    await bench.store.trust_run_key(KEY, "r0_1", None)
    arrived = KeyHolder("r0_1", "hash", None)
    assert await bench.store.claim_run_key(KEY, KeyHolder("r0_2"), 7) == arrived

    again = KeyHolder("r0_1", "hash", 30)
    assert await bench.store.claim_run_key(KEY, again, 8) == again


async def test_business_keys_that_hold_nothing_are_forgotten(bench: Bench) -> None:
    for number, (run_id, ended) in enumerate({"r0_1": True, "r0_2": True, "r0_3": False}.items()):
        await claim(bench, run_id, KEY._replace(key=f"k{number}"))
        bench.project(run_id, ended=ended)
    await claim(bench, "r0_never", KEY._replace(key="k3"))

    assert await bench.store.forget_run_keys(5, limit=1) == 1
    assert await bench.store.forget_run_keys(5) == 1
    assert await bench.store.forget_run_keys(5) == 0
    assert await claim(bench, "r0_9", KEY._replace(key="k3")) == "r0_never"
    assert await bench.store.forget_run_keys(6) == 1
    assert await claim(bench, "r0_9", KEY._replace(key="k2")) == "r0_3"
    assert await claim(bench, "r0_9", KEY._replace(key="k3")) == "r0_9"


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
