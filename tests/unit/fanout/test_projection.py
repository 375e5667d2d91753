from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from engine import events
from engine.payload import NULL
from fanout.history import Head, HistoryUnavailable
from fanout.projection import ProjectionHistory, StoredKeys
from fanout.settings import FanoutSettings
from storage.postgres.api_rows import ApiKey
from storage.postgres.errors import DatabaseUnavailable
from storage.postgres.memory_api_store import MemoryApiStore
from storage.postgres.memory_projection import MemoryProjection, MemoryTables
from storage.postgres.memory_read_model import MemoryReadModel
from tests.support.decisions import TOPIC, WORKSPACE, Run, arrivals, scheduled, started

if TYPE_CHECKING:
    from storage.postgres.rows import TimelineEvent

RUN = "r0_a"


class Away(MemoryReadModel):
    async def run_status(self, workspace: str, run_id: str) -> str | None:
        raise DatabaseUnavailable("no")

    async def timeline(
        self, workspace: str, run_id: str, *, after_seq: int = 0, limit: int = 1000
    ) -> list[TimelineEvent]:
        raise DatabaseUnavailable("no")


class KeysAway(MemoryApiStore):
    async def find_key(self, digest: str) -> ApiKey | None:
        raise DatabaseUnavailable("no")


def api_key(text: str, *, revoked_at: int | None = None) -> ApiKey:
    return ApiKey(
        key_id=text,
        digest=hashlib.sha256(text.encode()).hexdigest(),
        workspace="acme",
        role="reader",
        name="ann",
        created_at=1,
        revoked_at=revoked_at,
    )


async def test_the_history_is_the_runs_events_and_whether_it_has_ended() -> None:
    tables = MemoryTables()
    writer, history = MemoryProjection(tables, "outbox"), ProjectionHistory(MemoryReadModel(tables))
    writer.next_offset(TOPIC, 0)
    run = Run(RUN)
    writer.write(arrivals([run.decide(started(), scheduled("a[3]"))]))
    assert await history.head(WORKSPACE, RUN) == Head(WORKSPACE, ended=False)
    writer.write(arrivals([run.decide(events.RunCompleted(output=NULL))], 1))
    assert await history.head(WORKSPACE, RUN) == Head(WORKSPACE, ended=True)
    found = await history.after(WORKSPACE, RUN, 1, 10)
    assert [(e.seq, e.type, e.run_id, e.node_id) for e in found] == [
        (2, "node.scheduled", RUN, "a[3]"),
        (3, "run.completed", RUN, None),
    ]
    assert bytes(found[0].data) == b'{"attempt":1,"node_type":"function"}'
    assert len(await history.after(WORKSPACE, RUN, 0, 1)) == 1


async def test_another_workspace_sees_nothing() -> None:
    tables = MemoryTables()
    writer, history = MemoryProjection(tables, "outbox"), ProjectionHistory(MemoryReadModel(tables))
    writer.next_offset(TOPIC, 0)
    writer.write(arrivals([Run(RUN).decide(started())]))
    assert await history.head("other", RUN) is None
    assert await history.after("other", RUN, 0, 10) == []


async def test_a_database_that_is_away_is_said_so() -> None:
    history = ProjectionHistory(Away(MemoryTables()))
    with pytest.raises(HistoryUnavailable):
        await history.head(WORKSPACE, RUN)
    with pytest.raises(HistoryUnavailable):
        await history.after(WORKSPACE, RUN, 0, 10)
    with pytest.raises(HistoryUnavailable):
        await StoredKeys(KeysAway(MemoryTables())).workspace("key")


async def test_keys_open_their_workspace_until_they_are_revoked() -> None:
    store = MemoryApiStore(MemoryTables())
    await store.create_key(api_key("good"))
    await store.create_key(api_key("bad"))
    await store.revoke_key("acme", "bad", 2)
    now = 0.0
    keys = StoredKeys(store, trusted_s=5, clock=lambda: now)
    assert await keys.workspace("good") == "acme"
    assert await keys.workspace("bad") is None
    assert await keys.workspace("unknown") is None
    await store.revoke_key("acme", "good", 3)
    assert await keys.workspace("good") == "acme"
    now = 5.0
    assert await keys.workspace("good") is None


async def test_a_bootstrap_key_is_what_the_api_stored_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    # The environment may hold a key that was revoked since: it opens nothing here, as it opens nothing there.
    monkeypatch.setenv("AOB_BOOTSTRAP_API_KEY", "first-key")
    monkeypatch.setenv("AOB_JWT_SECRET", "s" * 32)
    assert "bootstrap_api_key" not in FanoutSettings.model_fields
    FanoutSettings()
    store = MemoryApiStore(MemoryTables())
    keys = StoredKeys(store, trusted_s=0)
    assert await keys.workspace("first-key") is None
    await store.bootstrap_key(api_key("first-key"))
    assert await keys.workspace("first-key") == "acme"
    await store.revoke_key("acme", "first-key", 2)
    await store.bootstrap_key(api_key("first-key"))
    assert await keys.workspace("first-key") is None
