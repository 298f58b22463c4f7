"""What diagnostics and commands show of certificates."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from satellite.edges.certificates import names_of


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """What diagnostics show of one certificate."""

    role: Literal["server", "intermediate", "ca"]
    subject: str
    """As RFC 4514 writes it: `CN=lightstep-satellite,O=…`."""
    issuer: str
    names: tuple[str, ...]
    """DNS names and IP addresses it is for; empty for a CA."""
    not_before: datetime
    not_after: datetime
    sha256: str
    """Fingerprint in the form of `openssl x509 -fingerprint -sha256`: upper-case hex bytes with colons."""
    source: Literal["made", "own"]
    """Made by the satellite, or the user's own (`tls_cert_prefix`)."""
    file: str


def described(
    role: Literal["server", "intermediate", "ca"],
    certificate: x509.Certificate,
    source: Literal["made", "own"],
    file: Path,
) -> Certificate:
    """A certificate of this role, kept in this file."""
    return Certificate(
        role=role,
        subject=certificate.subject.rfc4514_string(),
        issuer=certificate.issuer.rfc4514_string(),
        names=names_of(certificate),
        not_before=certificate.not_valid_before_utc,
        not_after=certificate.not_valid_after_utc,
        sha256=certificate.fingerprint(hashes.SHA256()).hex(":").upper(),
        source=source,
        file=str(file),
    )
