"""X.509 certificates and private keys: what the satellite issues, how it reads and writes their files.

Which files there are and when to renew is `certificate_folder`'s to know, what is served `tls`'s.
"""

from __future__ import annotations

import contextlib
import fcntl
import ipaddress
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from satellite.errors import BadRequest, SatelliteError

CA_LIFETIME = timedelta(days=3650)
SERVER_LIFETIME = timedelta(days=397)
"""The longest that strict clients accept (398 days, CA/Browser Forum ballot SC31), less one for clocks."""
BACKDATED = timedelta(days=1)
"""How far before its making a certificate becomes valid: a proxy's clock may be slow, or its zone wrong."""


_DNS_NAME = re.compile(r"(\*\.)?(?!-)[a-z0-9_-]{1,63}(?<!-)(\.(?!-)[a-z0-9_-]{1,63}(?<!-))*")

PrivateKey = (
    ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey
)


class BadCertificates(SatelliteError):
    """Certificate or key files that are missing, unreadable or do not belong together. Never holds their content."""

    code = "bad_certificates"
    http_status = 500
    grpc_status = "INTERNAL"


@dataclass(frozen=True)
class Pair:
    """A server certificate with its chain, and its key."""

    chain: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)


# Names


class Issuer(NamedTuple):
    """A CA that can issue."""

    certificate: x509.Certificate
    key: PrivateKey


def normal_name(name: str) -> str:
    """A DNS name in lower case and ASCII, or an IP address, as certificates hold it.

    Raises:
        BadRequest: it is neither.
    """
    text = name.strip().removeprefix("[").removesuffix("]").removesuffix(".")
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(text.partition("%")[0]))
    with contextlib.suppress(UnicodeError):
        text = text.encode("idna").decode("ascii").lower()
        if len(text) <= 253 and _DNS_NAME.fullmatch(text):
            return text
    raise BadRequest(
        f"neither a DNS name nor an IP address: {name!r}",
        hint="without scheme, port and path: satellite.example.com",
    )


def _general_name(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def names_of(certificate: x509.Certificate) -> tuple[str, ...]:
    """The DNS names and IP addresses it is for, in its order; empty when it names none that can be read."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return ()
    return tuple(str(name.value) for name in names if isinstance(name, x509.DNSName | x509.IPAddress))


# Certificates


def issue_ca(key: PrivateKey, now: datetime) -> x509.Certificate:
    """A root for ten years that can issue server certificates only. The same key gives the same name again."""
    # A part of the key in the name tells the CAs of several satellites apart in one trust store.
    identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
    name = _name(f"Mock LightStep satellite CA {identifier.digest.hex()[:8]}")
    usage = _key_usage(certificates=True)
    return (
        x509.CertificateBuilder(subject_name=name, issuer_name=name, public_key=key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now + CA_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(identifier, critical=False)
        .sign(key, _hash_for(key))
    )


def issue_server(
    ca: x509.Certificate, ca_key: PrivateKey, key: PrivateKey, names: Sequence[str], now: datetime
) -> x509.Certificate:
    """A server certificate that strict verifiers take too (Go, Java, OpenSSL's X509_STRICT, Python 3.13)."""
    authority = x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key())
    return (
        x509.CertificateBuilder(
            subject_name=_name(names[0]), issuer_name=ca.subject, public_key=key.public_key()
        )
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - BACKDATED)
        .not_valid_after(now - BACKDATED + SERVER_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_key_usage(certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName([_general_name(name) for name in names]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(authority, critical=False)
        .sign(ca_key, _hash_for(ca_key))
    )


def _name(common_name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "mock-lightstep-satellite"),
            x509.NameAttribute(NameOID.COMMON_NAME, common_name),
        ]
    )


def _key_usage(*, certificates: bool) -> x509.KeyUsage:
    """Of a CA (signs certificates), or of a server (signs handshakes)."""
    return x509.KeyUsage(
        digital_signature=not certificates,
        key_cert_sign=certificates,
        crl_sign=certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _hash_for(key: PrivateKey) -> hashes.SHA256 | None:
    return None if isinstance(key, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256()


def ca_is_due(ca: x509.Certificate, now: datetime) -> bool:
    """Whether a server certificate made now would outlive it."""
    return not ca.not_valid_before_utc <= now < ca.not_valid_after_utc - SERVER_LIFETIME


def is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's name and key signed it; dates do not matter. With itself: whether it is self-signed."""
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True


# Files


def read_certificates(file: Path) -> list[x509.Certificate]:
    """All certificates of a PEM file, in its order; at least one.

    Raises:
        BadCertificates
    """
    content = _read(file, "the certificate file")
    try:
        return x509.load_pem_x509_certificates(content)
    except ValueError as failure:
        raise BadCertificates(f"{file} does not hold certificates in PEM form") from failure


def read_key(file: Path) -> PrivateKey:
    """The private key of a PEM file.

    Raises:
        BadCertificates: also for a key with a password.
    """
    content = _read(file, "the key file")
    try:
        key = serialization.load_pem_private_key(content, password=None)
    except TypeError:
        # `from None`, here and below: what a parser says may repeat a part of the file.
        raise BadCertificates(f"the key in {file} has a password", hint="bring one without") from None
    except (ValueError, UnsupportedAlgorithm):
        raise BadCertificates(f"{file} does not hold a private key in PEM form") from None
    if not isinstance(key, PrivateKey):
        raise BadCertificates(f"the key in {file} is of a kind that TLS certificates do not have")
    return key


def read_pair(bundle_file: Path, key_file: Path) -> Pair:
    """A certificate with its chain, and the key that belongs to it.

    Raises:
        BadCertificates
    """
    chain = tuple(read_certificates(bundle_file))
    key = read_key(key_file)
    try:
        matches = [certificate.public_key() == key.public_key() for certificate in chain]
    except (ValueError, UnsupportedAlgorithm) as failure:
        raise BadCertificates(f"{bundle_file} holds a certificate whose key cannot be read") from failure
    if not matches[0]:
        hint = "the server's own certificate must be the first of the bundle" if any(matches) else None
        raise BadCertificates(f"the key {key_file} does not match the certificate {bundle_file}", hint=hint)
    return Pair(chain, key)


def key_pem(key: PrivateKey) -> bytes:
    """PKCS #8, without a password."""
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def write(file: Path, content: bytes, mode: int) -> None:
    """Replace a file in one step; at no moment has its content more readers than `mode` allows.

    Only for one writer at a time: inside `locked`.
    """
    new = file.with_name(f".{file.name}.new")
    new.unlink(missing_ok=True)
    with open(new, "xb", opener=lambda path, flags: os.open(path, flags, mode)) as target:
        os.fchmod(target.fileno(), mode)  # whatever the umask is
        target.write(content)
        target.flush()
        os.fsync(target.fileno())
    new.replace(file)


def make_folder(folder: Path) -> None:
    """The folder, and those above it that are missing: for all to read and for its owner to write, whatever the umask is."""
    missing = [one for one in (folder, *folder.parents) if not one.exists()]
    for one in reversed(missing):
        one.mkdir(0o755, exist_ok=True)
        one.chmod(0o755)


def tighten(file: Path) -> None:
    """Take a key file from all others than its owner, as far as we may: copies and volume mounts loosen modes."""
    with contextlib.suppress(OSError):
        if file.stat().st_mode & 0o077:
            file.chmod(0o600)


@contextlib.contextmanager
def locked(file: Path) -> Iterator[None]:
    """Alone among all threads and processes that lock this file, which stays behind; waits for its turn."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _read(file: Path, what: str) -> bytes:
    try:
        return file.read_bytes()
    except FileNotFoundError as failure:
        raise BadCertificates(f"{what} {file} is missing") from failure
    except OSError as failure:
        raise BadCertificates(f"{what} {file} cannot be read: {failure.strerror}") from failure
