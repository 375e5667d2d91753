from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient

from storage.kafka.changelogs import TOMBSTONES_MS, Changelog
from storage.kafka.topics import TIMERS
from streams.runtime.local_state import discard_stale_state
from streams.runtime.settings import StreamSettings
from streams.runtime.startup import StartupError, check
from tests.support.kafka import free_port, processor, produce, ready, wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.kafka import Installation

CHANGELOG = Changelog("timers", TIMERS, "timers").topic


def settings_of(installation: Installation) -> StreamSettings:
    return StreamSettings(
        kafka_bootstrap=installation.bootstrap,
        partitions=int(installation.env["AOB_PARTITIONS"]),
        jwt_secret=installation.env["AOB_JWT_SECRET"],
        state_dir=installation.env["AOB_STATE_DIR"],
    )


def test_a_new_installation_may_start(installation: Installation) -> None:
    check(settings_of(installation), "timers")


def test_a_missing_topic_stops_the_process_with_its_name(
    installation: Installation, capfd: pytest.CaptureFixture[str]
) -> None:
    admin = AdminClient({"bootstrap.servers": installation.bootstrap})
    admin.delete_topics([TIMERS], operation_timeout=15)[TIMERS].result()
    wait_until(lambda: TIMERS not in admin.list_topics(timeout=15).topics, "the topic is gone")
    with processor(installation, "timers") as process:
        assert process.wait(60) == 2
    assert "topic timers does not exist: run `aob topics create`" in capfd.readouterr().err


def test_a_changelog_with_data_needs_its_groups_offsets(installation: Installation) -> None:
    produce(installation.bootstrap, CHANGELOG, [(b"key", b"value")])
    with pytest.raises(
        StartupError, match=rf"{CHANGELOG} holds state .* the group aob.timers has no offsets"
    ):
        check(settings_of(installation), "timers")


def test_a_changelog_with_an_aborted_transaction_alone_holds_no_data(installation: Installation) -> None:
    owner = Producer({"bootstrap.servers": installation.bootstrap, "transactional.id": "tests"})
    owner.init_transactions(15)
    owner.begin_transaction()
    owner.produce(CHANGELOG, b"value", b"key")
    owner.flush(15)
    owner.abort_transaction(15)
    check(settings_of(installation), "timers")


def test_local_state_that_the_changelog_may_have_outlived_is_removed(
    installation: Installation, tmp_path: Path
) -> None:
    group = tmp_path / "state" / "0" / "aob.timers" / "timers" / "timers"
    for name, age_s in (("0", 0.0), ("1", TOMBSTONES_MS / 1000)):
        (group / name).mkdir(parents=True)
        for file in ("CURRENT", "000004.log"):
            (group / name / file).touch()
            os.utime(group / name / file, (time.time() - age_s,) * 2)
    assert discard_stale_state(settings_of(installation), "timers") == [str(group / "1")]
    assert [folder.name for folder in group.iterdir()] == ["0"]


def test_it_is_removed_when_a_partition_comes_back_too(installation: Installation, tmp_path: Path) -> None:
    group = tmp_path / "state" / "0" / "aob.timers"
    port = free_port()
    with processor(installation, "timers", AOB_HEALTH_PORT=str(port)) as process:
        wait_until(lambda: ready(port), "it is ready")
        (partition, *_) = sorted(group.glob("*/*/*/CURRENT"))
        opened = partition.parent
        # What a partition left here that was held for a while, long ago.
        stale = opened.parent / "77"
        stale.mkdir()
        for file in ("CURRENT", "000004.log"):
            (stale / file).touch()
            os.utime(stale / file, (time.time() - TOMBSTONES_MS / 1000,) * 2)
        # A second instance joins: partitions are assigned anew.
        with processor(installation, "timers", AOB_INSTANCE_ID="1", AOB_STATE_DIR=str(tmp_path / "other")):
            wait_until(lambda: not stale.exists(), "the old copy is gone")
        assert process.poll() is None


def test_what_is_open_is_kept(installation: Installation, tmp_path: Path) -> None:
    folder = tmp_path / "state" / "0" / "aob.timers" / "timers" / "stream" / "3"
    folder.mkdir(parents=True)
    (folder / "CURRENT").touch()
    os.utime(folder / "CURRENT", (0, 0))
    settings = settings_of(installation)
    assert discard_stale_state(settings, "timers", [("timers", "stream", 3)]) == []
    assert discard_stale_state(settings, "timers", [("timers", "stream", 2)]) == [str(folder)]
