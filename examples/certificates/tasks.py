"""What the workflow calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from cryptography import x509

from aob import Context, Retryable, function

_END = "-----END CERTIFICATE-----"


@function
def split_bundle(bundle: str) -> list[str]:
    """The certificates of a PEM bundle, each as PEM."""
    parts = bundle.split(_END)[:-1]
    return [part[part.index("-----BEGIN") :] + _END + "\n" for part in parts]


@function
def inspect_certificate(pem: str) -> dict[str, Any]:
    """Who issued a certificate, and when it expires."""
    certificate = x509.load_pem_x509_certificate(pem.encode())
    subject = {attribute.oid._name: attribute.value for attribute in certificate.subject}  # noqa: SLF001 (the only way to its name)
    return {
        "name": subject.get("commonName") or subject.get("organizationalUnitName", ""),
        "organization": subject.get("organizationName", "unknown"),
        "expires": certificate.not_valid_after_utc.date().isoformat(),
        "key": type(certificate.public_key()).__name__.strip("_").removesuffix("PublicKey"),
    }


@function
def notify(context: Context, expiring: list[dict[str, Any]]) -> dict[str, Any]:
    """Tell somebody. The first attempt fails, as mail servers do: the retry is part of the example."""
    if context.attempt == 1:
        raise Retryable("421 service not available, try again later", code="MAIL_BUSY")
    context.logger.info("told about expiring certificates")
    soonest = min(expiring, key=lambda certificate: str(certificate["expires"]))
    return {"told": len(expiring), "soonest": soonest, "at": datetime.now(UTC).date().isoformat()}
