"""Run ids that the api issues: sortable by time, and recognised again by any instance that has the secret.

`r0_` and 29 characters of lower-case base32hex (whose alphabet is in ASCII order): 48 bits of Unix ms, 64
random bits, 32 bits of a MAC over both and the workspace. So a run that was just accepted is never a 404,
though the projection does not show it yet, and an id that somebody made up is.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from engine.ids import GENERATION

RANDOM_BYTES = 8

_TIME_BYTES = 6
_MAC_BYTES = 4
_SIZE = _TIME_BYTES + RANDOM_BYTES + _MAC_BYTES
_LENGTH = 29
_PADDING = "==="


def run_id_key(secret: str) -> bytes:
    """The MAC key, derived from the JWT secret so that a MAC of an id says nothing about tokens."""
    return hashlib.sha256(b"aob run ids\0" + secret.encode()).digest()


def issue_run_id(key: bytes, workspace: str, now_ms: int, randomness: bytes) -> str:
    """A run id of `workspace`, accepted at `now_ms` (Unix ms); `randomness` is RANDOM_BYTES fresh bytes."""
    if len(randomness) != RANDOM_BYTES:
        msg = f"a run id takes {RANDOM_BYTES} random bytes, not {len(randomness)}"
        raise ValueError(msg)
    body = now_ms.to_bytes(_TIME_BYTES, "big") + randomness
    text = base64.b32hexencode(body + _mac(key, workspace, body)).decode("ascii")
    return GENERATION + text[:_LENGTH].lower()


def recognise_run_id(key: bytes, workspace: str, run_id: str) -> int | None:
    """When `run_id` was issued for `workspace` (Unix ms); None if it was not: foreign, forged, a child's."""
    text = run_id.removeprefix(GENERATION)
    if len(text) != _LENGTH or len(run_id) != len(GENERATION) + _LENGTH or text != text.lower():
        return None
    try:
        blob = base64.b32hexdecode(text.upper() + _PADDING)
    except (binascii.Error, ValueError):
        return None
    body, mac = blob[:-_MAC_BYTES], blob[-_MAC_BYTES:]
    # The last character has a spare bit: only the spelling that we issue counts.
    spelled = base64.b32hexencode(blob).decode("ascii")[:_LENGTH].lower()
    if len(blob) != _SIZE or spelled != text or not hmac.compare_digest(mac, _mac(key, workspace, body)):
        return None
    return int.from_bytes(body[:_TIME_BYTES], "big")


def _mac(key: bytes, workspace: str, body: bytes) -> bytes:
    return hmac.digest(key, body + workspace.encode(), "sha256")[:_MAC_BYTES]
