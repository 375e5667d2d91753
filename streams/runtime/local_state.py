"""Local copies of state: where they are, and which are too old to be brought up to date."""

from __future__ import annotations

import logging
import shutil
import time
from typing import TYPE_CHECKING

from storage.kafka.changelogs import TOMBSTONES_MS, group_of

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from streams.runtime.settings import StreamSettings

logger = logging.getLogger(__name__)

# Well before the changelog forgets removals: a restore takes time too.
_STALE_AFTER_S = TOMBSTONES_MS / 1000 / 2


def state_dir_of(settings: StreamSettings) -> Path:
    """This instance's local state: its own, so that a stopped owner's locks never hold up the next one."""
    return settings.state_dir / settings.instance_id


def discard_stale_state(
    settings: StreamSettings, processor: str, keep: Iterable[tuple[str, str, int]] = ()
) -> list[str]:
    """Remove local copies that were not written for so long that the changelog may have forgotten removals.

    Bringing such a copy up to date would keep keys that are gone. `keep`: store, stream and partition of what
    is open. Returns the removed folders.
    """
    group = state_dir_of(settings) / group_of(processor)
    kept = {group / store / stream / str(partition) for store, stream, partition in keep}
    removed = []
    for manifest in sorted(group.glob("*/*/*/CURRENT")):
        partition = manifest.parent
        if partition in kept:
            continue
        if time.time() - max(file.stat().st_mtime for file in partition.iterdir()) > _STALE_AFTER_S:
            shutil.rmtree(partition)
            removed.append(str(partition))
            logger.warning("%s is too old to be brought up to date: it is built anew", partition)
    return removed
