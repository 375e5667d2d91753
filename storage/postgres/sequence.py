"""Which decisions are new: numbers go on without a hole, and what comes again must be what it was.

A coordinator that crashed decides its last records again, so their decisions come a second time at other
offsets. The number of a decision tells; its events must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from storage.postgres.errors import Conflict, Hole

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from storage.postgres.fold import Numbered

Place = tuple[str, int]
"""Run id and first number of a decision."""


class Admitted(NamedTuple):
    """Decisions in order: those that are new, and those that came before (in this batch or earlier)."""

    fresh: list[Numbered]
    repeated: list[Numbered]
    last_seqs: dict[str, int]


def admit(decisions: Iterable[Numbered], last_seqs: Mapping[str, int]) -> Admitted:
    """Sort decisions by their numbers. `last_seqs`: the last number of each run that is known (else 0).

    A decision without events is no row and is dropped. Hole when numbers are missing.
    """
    fresh: list[Numbered] = []
    repeated: list[Numbered] = []
    reached = dict(last_seqs)
    for decision in decisions:
        raw, events, last_seq = decision
        if not events:
            continue
        last = reached.get(raw.run_id, 0)
        if raw.first_seq == last + 1:
            fresh.append(decision)
            reached[raw.run_id] = last_seq
        elif raw.first_seq <= last:
            repeated.append(decision)
        else:
            raise Hole(f"run {raw.run_id}: event {last + 1} is missing, the next one is {raw.first_seq}")
    return Admitted(fresh, repeated, reached)


def compare_repeated(admitted: Admitted, stored: Mapping[Place, bytes]) -> None:
    """Check each repeated decision against `stored` or the batch itself; Conflict when it is not the same."""
    if not admitted.repeated:
        return
    fresh = {(raw.run_id, raw.first_seq): raw.events for raw, _, _ in admitted.fresh}
    for raw, _, last_seq in admitted.repeated:
        place = raw.run_id, raw.first_seq
        known = fresh.get(place) or stored.get(place)
        if known is None:
            raise Conflict(f"run {raw.run_id}: no decision in the log begins with event {raw.first_seq}")
        if not _same(known, raw.events):
            raise Conflict(f"run {raw.run_id}: events {raw.first_seq} to {last_seq} came again and differ")


def _same(known: bytes, again: bytes) -> bool:
    # By content: another version of the encoder may write the same events otherwise.
    return known == again or msgspec.json.decode(known) == msgspec.json.decode(again)
