from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from workers.runner.ledger import (
    METADATA_LIMIT,
    PartitionLedger,
    Stretch,
    decode_stretches,
    encode_stretches,
)


def _expand(base: int, metadata: str) -> set[int]:
    return {n for start, end in decode_stretches(base, metadata) for n in range(start, end)}


@st.composite
def _histories(draw: st.DrawFn) -> tuple[list[int], list[int]]:
    """Offsets that a partition has (with holes), and those of them that are finished, in some order."""
    offsets = draw(st.lists(st.integers(0, 300), unique=True, max_size=60).map(sorted))
    finished = draw(st.lists(st.sampled_from(offsets), unique=True)) if offsets else []
    return offsets, finished


@given(_histories())
def test_position_covers_exactly_what_is_finished(history: tuple[list[int], list[int]]) -> None:
    offsets, finished = history
    ledger = PartitionLedger(0)
    assert all(ledger.take(offset) for offset in offsets)
    for offset in finished:
        ledger.finish(offset)
    position = ledger.position()
    assert position is not None
    base, metadata = position
    unfinished = set(offsets) - set(finished)
    assert base == min(unfinished, default=max(offsets, default=-1) + 1)
    skipped = _expand(base, metadata)
    assert not skipped & unfinished
    assert {offset for offset in finished if offset >= base} <= skipped


@given(_histories(), st.data())
def test_the_next_owner_runs_only_what_is_unfinished(
    history: tuple[list[int], list[int]], data: st.DataObject
) -> None:
    offsets, finished = history
    left = set(offsets)
    done = list(finished)
    committed: tuple[int, str] | None = None
    for _ in range(3):
        base, metadata = committed or (0, "")
        ledger = PartitionLedger(base, decode_stretches(base, metadata))
        given_back = [offset for offset in offsets if offset >= base]
        # An owner may read only some of it before it has to go.
        upto = data.draw(st.integers(0, len(given_back)))
        taken = [offset for offset in given_back[:upto] if ledger.take(offset)]
        assert set(taken) == left & set(given_back[:upto])
        for offset in [offset for offset in done if offset in taken]:
            ledger.finish(offset)
            left.discard(offset)
        committed = ledger.position()
        done = data.draw(st.lists(st.sampled_from(offsets), unique=True)) if offsets else []


def test_a_long_job_does_not_replay_its_partition() -> None:
    ledger = PartitionLedger(None)
    for offset in range(100_000):
        ledger.take(offset)
        if offset:
            ledger.finish(offset)
    position = ledger.position()
    assert position is not None
    base, metadata = position
    assert base == 0
    assert len(metadata) < 20
    assert decode_stretches(base, metadata) == [Stretch(1, 100_000)]
    assert ledger.unfinished == 1


def test_nothing_is_committed_for_an_untouched_partition_of_a_new_group() -> None:
    assert PartitionLedger(None).position() is None


def test_an_offset_is_taken_once() -> None:
    ledger = PartitionLedger(5)
    assert [ledger.take(5), ledger.take(5), ledger.take(4), ledger.take(6)] == [True, False, False, True]


@given(st.lists(st.tuples(st.integers(1, 10**9), st.integers(1, 10**9)), max_size=2000))
def test_metadata_keeps_to_the_brokers_bound(pairs: list[tuple[int, int]]) -> None:
    stretches: list[Stretch] = []
    edge = 7
    for gap, length in pairs:
        stretches.append(Stretch(edge + gap, edge + gap + length))
        edge += gap + length
    metadata = encode_stretches(7, stretches)
    assert len(metadata.encode()) <= METADATA_LIMIT
    decoded = decode_stretches(7, metadata)
    assert decoded == stretches[: len(decoded)]
    if len(pairs) < 300:
        assert len(decoded) == len(stretches)


@given(st.text(max_size=50))
def test_metadata_of_others_is_ignored(text: str) -> None:
    assert isinstance(decode_stretches(3, text), list)
    assert decode_stretches(3, None) == []
    assert decode_stretches(3, "2:abcd") == []
    assert decode_stretches(3, "1:***") == []
