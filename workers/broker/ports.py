"""What a runner needs of a broker. All calls in both directions are made on the runner's event loop."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from engine.effects import CancelJobs

Partition = tuple[str, int]
"""Topic and number."""


class Record(NamedTuple):
    """A record as it stands in a job topic. `priority` is 0 for high, 1 for medium, 2 for low."""

    partition: Partition
    offset: int
    priority: int
    key: bytes | None
    value: bytes | None
    headers: dict[str, bytes]


class Position(NamedTuple):
    """What to commit for a partition: the offset to go on from, and the commit's metadata."""

    partition: Partition
    offset: int
    metadata: str


class Assigned(NamedTuple):
    """A partition that is ours now, and what was committed for it; `offset` is None if nothing was."""

    partition: Partition
    offset: int | None
    metadata: str | None


class Listener(Protocol):
    """What a source calls."""

    def assigned(self, partitions: Sequence[Assigned]) -> None:
        """Partitions are ours; their records follow from the committed offset on."""

    def received(self, records: Sequence[Record]) -> None:
        """Records arrived, in the order of each partition."""

    def revoked(self, partitions: Sequence[Partition]) -> list[Position]:
        """Partitions go to somebody else; the answer is committed first, if that is still possible."""
        ...

    def commit_failed(self) -> None:
        """A commit did not reach the broker: positions have to be given again."""

    def cancelled(self, cancel: CancelJobs) -> None:
        """Results are not wanted any more."""

    def failed(self, error: Exception) -> None:
        """The source is at its end; no call follows."""


class JobSource(Protocol):
    """The jobs of one queue."""

    def start(self, listener: Listener) -> None:
        """Join, and call `listener` from now on."""

    def pause(self, priority: int) -> None:
        """Bring no more records of a priority; a few that are under way still come."""

    def resume(self, priority: int) -> None:
        """Bring them again."""

    def commit(self, positions: Sequence[Position]) -> None:
        """Commit soon, without waiting for the answer."""

    async def close(self, positions: Sequence[Position]) -> None:
        """Commit, leave, and stop; nothing is called afterwards."""


class CancelFeed(Protocol):
    """Word of results that are not wanted any more."""

    def start(self, listener: Listener) -> None:
        """Call `listener.cancelled` from now on, for what was cancelled lately first."""

    async def close(self) -> None:
        """Stop; nothing is called afterwards."""


class Outlet(Protocol):
    """Where outcomes go, in no order among each other."""

    @property
    def undelivered(self) -> int:
        """How many records with a `delivered` are not confirmed yet."""
        ...

    def start(self, failed: Callable[[Exception], None]) -> None:
        """Begin; `failed` hears of a record that could not be delivered."""

    def expect(self, jobs: int) -> None:
        """So many jobs have just come together: their outcomes may leave together."""

    def send(self, topic: str, key: bytes | None, value: bytes, delivered: Callable[[], None]) -> None:
        """Send at once; `delivered` is called on the loop when the broker has confirmed the record."""

    def send_unconfirmed(self, topic: str, key: bytes, value: bytes) -> None:
        """Send, and never mind what becomes of it; from any thread."""

    async def close(self, timeout_s: float) -> None:
        """Wait for what is undelivered, for `timeout_s` at most, and stop."""
