"""Which decisions are new: numbers go on without a hole, and what comes again must be what it was.

A coordinator that crashed decides its last records again, so their decisions come a second time at other
offsets. The number of a decision tells; its events must be the same.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import msgspec

from storage.postgres.errors import Conflict, Hole
from storage.postgres.salvage import bridge, is_marked

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping

    from storage.postgres.salvage import Numbered

Place = tuple[str, int]
"""Run id and first number of a decision."""


class Admitted(NamedTuple):
    """Decisions in order: those that are new, and those that came before (in this batch or earlier)."""

    fresh: list[Numbered]
    repeated: list[Numbered]
    last_seqs: dict[str, int]


def admit(
    decisions: Iterable[Numbered], last_seqs: Mapping[str, int], broken_off: Collection[str] = ()
) -> Admitted:
    """Sort decisions by their numbers. `last_seqs`: the last number of each run that is known (else 0).

    A decision without events is no row and is dropped. Hole when numbers are missing, but in runs whose last
    decision is one of the `broken_off`: there the gap is filled with marks.
    """
    fresh: list[Numbered] = []
    repeated: list[Numbered] = []
    reached = dict(last_seqs)
    open_runs = set(broken_off)
    for decision in decisions:
        raw, events, last_seq, problem = decision
        if not events:
            continue
        last = reached.get(raw.run_id, 0)
        if raw.first_seq > last + 1 and raw.run_id in open_runs:
            filling = bridge(last, raw)
            fresh.append(filling)
            last = filling.last_seq
        if raw.first_seq == last + 1:
            fresh.append(decision)
            reached[raw.run_id] = last_seq
            open_runs.discard(raw.run_id)
            if problem is not None and decision.broken_off:
                open_runs.add(raw.run_id)
        elif raw.first_seq <= last:
            repeated.append(decision)
        else:
            raise Hole(f"run {raw.run_id}: event {last + 1} is missing, the next one is {raw.first_seq}")
    return Admitted(fresh, repeated, reached)


def compare_repeated(admitted: Admitted, stored: Mapping[Place, bytes]) -> None:
    """Check each repeated decision against `stored` or the batch itself; Conflict when it is not the same."""
    if not admitted.repeated:
        return
    fresh = {(raw.run_id, raw.first_seq): raw.events for raw, _, _, _ in admitted.fresh}
    for raw, _, last_seq, _ in admitted.repeated:
        place = raw.run_id, raw.first_seq
        known = fresh.get(place) or stored.get(place)
        if known is None:
            raise Conflict(f"run {raw.run_id}: no decision in the log begins with event {raw.first_seq}")
        if not _same(known, raw.events):
            raise Conflict(f"run {raw.run_id}: events {raw.first_seq} to {last_seq} came again and differ")


def _same(known: bytes, again: bytes) -> bool:
    # By content: another version of the encoder may write the same events otherwise.
    # Marks stand for what was laid aside: there is nothing to compare.
    return known == again or is_marked(known) or msgspec.json.decode(known) == msgspec.json.decode(again)
