"""Payloads of public records: JSON that is let in, inline when small, else in the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from engine.errors import Issue, Refusal
from engine.model import decode_json
from engine.payload import INLINE_LIMIT, Payload, inline_json
from storage.cas import BlobCorrupt, BlobMissing, InvalidHash
from storage.cas.content_store import reference
from streams.admission.bounds import PAYLOAD_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

    from storage.cas import ContentStore
    from storage.tokens import Claims

REFERENCE_FORBIDDEN = "REFERENCE_FORBIDDEN"

_UNREADABLE = (BlobMissing, BlobCorrupt, InvalidHash)


class Payloads:
    """Lets payloads in. Raises Refusal with a pointer, and CasUnavailable."""

    def __init__(self, store: ContentStore) -> None:
        self._store = store

    def admit(
        self,
        payload: Payload,
        claims: Claims,
        where: str,
        check: Callable[[object], list[Issue]] | None = None,
    ) -> Payload:
        """The payload as it goes on; `where` points at it, `check` finds what is wrong with its value."""
        _check_size(payload, where)
        data = bytes(payload.raw) if payload.ref is None else self._stored(payload, claims, where)
        if payload.ref is None or check is not None:
            value = self._decode(data, where)
            issues = check(value) if check is not None else []
            if issues:
                located = [Issue(where + issue.pointer, issue.message, issue.code) for issue in issues]
                raise Refusal(
                    f"{where[1:].upper()}_INVALID",
                    f"the {where[1:]} do not fit: {located[0].message}",
                    located,
                )
        if payload.ref is not None:
            # Its size and type are what was found, whatever the record said.
            return Payload(ref=reference(data))
        return inline_json(data) if len(data) <= INLINE_LIMIT else Payload(ref=self._store.put(data))

    def _decode(self, data: bytes, where: str) -> object:
        try:
            return decode_json(data)
        except Refusal as refusal:
            issues = [Issue(where + issue.pointer, issue.message, issue.code) for issue in refusal.issues]
            raise Refusal(refusal.code, f"the {where[1:]}: {refusal.message}", issues) from refusal

    def _stored(self, payload: Payload, claims: Claims, where: str) -> bytes:
        digest = payload.ref.sha256 if payload.ref is not None else ""
        require_vouched(claims, where)
        try:
            return self._store.get(digest)
        except _UNREADABLE as error:
            message = f"there is no whole blob {digest} of the {where[1:]}"
            raise Refusal(f"{where[1:].upper()}_MISSING", message, [Issue(where, message)]) from error


def _check_size(payload: Payload, where: str) -> None:
    if payload.ref is None and payload.size > PAYLOAD_BYTES:
        message = f"a record holds at most {PAYLOAD_BYTES} bytes of it, not {payload.size}: use the api"
        raise Refusal(
            "PAYLOAD_TOO_LARGE", f"the {where[1:]}: {message}", [Issue(where, message, "PAYLOAD_TOO_LARGE")]
        )


def require_vouched(claims: Claims, where: str) -> None:
    """Refusal for a hash from anybody but the api: it could name what belongs to another workspace."""
    if not claims.vouched:
        message = f"only the api may name {where[1:]} by a hash: send the JSON itself"
        raise Refusal(REFERENCE_FORBIDDEN, message, [Issue(where, message, REFERENCE_FORBIDDEN)])
