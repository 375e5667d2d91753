from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest
from confluent_kafka import ConsumerGroupTopicPartitions, Message
from confluent_kafka.admin import AdminClient

from engine.dead_letter import DeadLetter
from engine.effects import CancelJobs, Job
from engine.facts import JobFailed, JobStarted, JobSucceeded
from engine.payload import inline
from storage.kafka.topics import DEAD_LETTERS, NODE_CANCELS, NODE_RESULTS, job_topic
from storage.wire import decode, encode
from tests.support.kafka import Installation, produce, read_until, wait_until
from workers.runner.ledger import decode_stretches

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = "aob.runner.default"


def _job(run_id: str, function: str, inputs: dict[str, Any] | None = None, **fields: Any) -> Job:  # noqa: ANN401
    return Job(
        workspace="w",
        run_id=run_id,
        path="n",
        attempt=1,
        kind="function",
        created_at=0,
        function=function,
        inputs=inline(inputs or {}),
        **fields,
    )


class Place:
    """An installation, a diary of what functions did, and gates for them."""

    def __init__(self, installation: Installation, folder: Path) -> None:
        self.bootstrap = installation.bootstrap
        self._folder = folder
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self._diary = folder / "diary"
        self._diary.touch()
        self._env = {
            **installation.env,
            "AOB_FUNCTIONS": "tests.integration.workers.tasks",
            "AOB_TEST_DIARY": str(self._diary),
        }

    @contextmanager
    def runner(self, instance: str = "0", **env: str) -> Iterator[subprocess.Popen[bytes]]:
        command = [sys.executable, "-c", "import sys; from workers.main import main; sys.exit(main())"]
        process = subprocess.Popen(command, env={**self._env, "AOB_INSTANCE_ID": instance, **env})
        try:
            yield process
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()

    def put(self, *jobs: Job, priority: str = "medium") -> None:
        records = [(job.id.encode(), encode(job)) for job in jobs]
        produce(self.bootstrap, job_topic("default", priority), records)

    def gate(self, name: str) -> str:
        return str(self._folder / f"gate-{name}")

    def open_gate(self, name: str) -> None:
        (self._folder / f"gate-{name}").touch()

    def diary(self) -> Counter[str]:
        return Counter(self._diary.read_text().splitlines())

    def facts(self, enough: int) -> list[Any]:
        """Outcomes, as soon as there are that many."""

        def outcomes(messages: list[Message]) -> list[Any]:
            facts = [decode(message.value()) for message in messages]
            return [fact for fact in facts if not isinstance(fact, JobStarted)]

        return outcomes(read_until(self.bootstrap, NODE_RESULTS, lambda all_: len(outcomes(all_)) >= enough))

    def members(self) -> int:
        """How many runners own partitions."""
        group = self._admin.describe_consumer_groups([GROUP])[GROUP].result()
        return sum(1 for member in group.members if member.assignment.topic_partitions)

    def finished(self) -> int:
        """How many jobs count as finished in what the group has committed."""
        answer = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[
            GROUP
        ].result()
        total = 0
        for partition in answer.topic_partitions:
            stretches = decode_stretches(partition.offset, partition.metadata)
            total += max(partition.offset, 0) + sum(end - start for start, end in stretches)
        return total


@pytest.fixture
def place(installation: Installation, tmp_path: Path) -> Place:
    return Place(installation, tmp_path)


def test_jobs_of_all_priorities_run_and_garbage_is_buried(place: Place) -> None:
    topic = job_topic("default", "high")
    produce(place.bootstrap, topic, [(None, b"garbage"), (b"k", None)])
    with place.runner():
        for priority in ("high", "medium", "low"):
            place.put(_job(f"r0_{priority}", "add", {"a": 1, "b": 2}), priority=priority)
        place.put(_job("r0_unknown", "ad"))
        facts = place.facts(4)
        assert {f.run_id: f.output.value() for f in facts if isinstance(f, JobSucceeded)} == {
            "r0_high": 3,
            "r0_medium": 3,
            "r0_low": 3,
        }
        failed = [fact for fact in facts if isinstance(fact, JobFailed)]
        assert [(fact.error.code, fact.retryable) for fact in failed] == [("FUNCTION_UNKNOWN", False)]
        letters = read_until(place.bootstrap, DEAD_LETTERS, lambda messages: len(messages) >= 2)
        values = [letter.value for m in letters if isinstance(letter := decode(m.value()), DeadLetter)]
        assert sorted(values, key=str) == [None, b"garbage"]
        wait_until(lambda: place.finished() == 6, "everything is committed")


def test_kill_in_the_middle_repeats_only_what_was_unfinished(place: Place) -> None:
    jobs = [_job(f"r0_{number}", "quick") for number in range(300)]
    holds = [_job(f"r0_hold{number}", "hold", {"gate": place.gate("a")}) for number in range(4)]
    with place.runner() as process:
        place.put(*holds[:2], *jobs, *holds[2:])
        place.facts(300)
        wait_until(lambda: place.finished() == 300, "what is finished is committed")
        process.send_signal(signal.SIGKILL)
        process.wait()
    place.open_gate("a")
    with place.runner():
        outcomes = place.facts(304)
    assert len(outcomes) == 304
    diary = place.diary()
    assert all(diary[f"quick {job.run_id}"] == 1 for job in jobs)
    assert all(diary[f"hold {job.run_id}"] == 2 for job in holds)


def test_drain_finishes_or_hands_back(place: Place) -> None:
    with place.runner(AOB_DRAIN_SECONDS="3") as process:
        place.put(
            _job("r0_ends", "hold", {"gate": place.gate("soon")}),
            _job("r0_stays", "hold", {"gate": place.gate("late")}),
        )
        wait_until(
            lambda: place.diary()["hold r0_ends"] == 1 and place.diary()["hold r0_stays"] == 1, "both run"
        )
        process.send_signal(signal.SIGTERM)
        place.open_gate("soon")
        assert process.wait(20) == 0
    assert place.diary()["cancelled r0_stays"] == 1
    assert [fact.run_id for fact in place.facts(1)] == ["r0_ends"]
    assert place.finished() == 1
    place.open_gate("late")
    with place.runner("1"):
        assert {fact.run_id for fact in place.facts(2)} == {"r0_ends", "r0_stays"}
    assert place.diary()["hold r0_ends"] == 1


def test_cancel_reaches_what_runs_and_what_comes_later(place: Place) -> None:
    gate = place.gate("never")
    with place.runner():
        place.put(_job("r0_gone", "hold", {"gate": gate}))
        wait_until(lambda: place.diary()["hold r0_gone"] == 1, "it runs")
        cancel = CancelJobs(workspace="w", run_id="r0_gone", reason="test")
        produce(place.bootstrap, NODE_CANCELS, [(b"r0_gone", encode(cancel))])
        wait_until(lambda: place.diary()["cancelled r0_gone"] == 1, "it is cancelled")
        place.put(_job("r0_gone", "quick", queue="default"), _job("r0_next", "quick"))
        assert [fact.run_id for fact in place.facts(1)] == ["r0_next"]
        wait_until(lambda: place.finished() == 3, "dropped jobs are finished")
    # Another one, that was not there, hears of it too.
    with place.runner("1"):
        place.put(_job("r0_other", "quick"))
        place.facts(2)
        place.put(_job("r0_gone", "hold", {"gate": gate}), _job("r0_last", "quick"))
        assert {fact.run_id for fact in place.facts(3)} == {"r0_next", "r0_other", "r0_last"}
    assert place.diary()["quick r0_gone"] == 0


def test_two_runners_share_the_work_and_take_over_from_each_other(place: Place) -> None:
    jobs = [_job(f"r0_{number}", "quick") for number in range(200)]
    with place.runner("0") as first, place.runner("1"):
        wait_until(lambda: place.members() == 2, "both have partitions")
        place.put(*jobs[:100])
        assert {fact.worker for fact in place.facts(100)} == {"runner.0", "runner.1"}
        first.send_signal(signal.SIGTERM)
        assert first.wait(20) == 0
        place.put(*jobs[100:])
        assert len({fact.run_id for fact in place.facts(200)}) == 200
    assert max(place.diary().values()) == 1


def test_a_runner_that_cannot_start_says_why(place: Place) -> None:
    with place.runner(AOB_FUNCTIONS="no_such_tasks") as process:
        assert process.wait(30) == 2
    with place.runner(AOB_QUEUES="default,unheard") as process:
        assert process.wait(30) == 2
