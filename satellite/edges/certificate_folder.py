"""A folder with a CA and a server certificate of our own: made when missing, renewed when due, shared by processes."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from satellite.edges.certificates import (
    BadCertificates,
    Issuer,
    Pair,
    PrivateKey,
    ca_is_due,
    is_issued_by,
    issue_ca,
    issue_server,
    key_pem,
    locked,
    make_folder,
    names_of,
    normal_name,
    read_certificates,
    read_key,
    read_pair,
    tighten,
    write,
)
from satellite.errors import BadRequest

NAMES = (
    "lightstep-satellite",
    "lightstep-satellite.lightstep",
    "lightstep-satellite.lightstep.svc",
    "lightstep-satellite.lightstep.svc.cluster.local",
    "localhost",
    "127.0.0.1",
    "::1",
)
"""What a made server certificate is always for: the host of Istio's example address in its longer forms, this machine."""

NAMES_MAX = 100
"""Names in one made certificate (ours): it must stay small enough for one handshake flight, whoever shares the folder."""

RENEW_BEFORE = timedelta(days=30)


@dataclass(frozen=True)
class Held:
    """What there is to serve."""

    pair: Pair
    ca: x509.Certificate | None
    kept: bool = True
    """False: the server certificate is in no file, because the folder cannot be written."""


class CertificateFolder:
    """The files of such a folder, whose names `CertificateStore` tells; not safe for several threads, but for several processes."""

    def __init__(self, path: Path, *, names: Sequence[str], host_name: str, makes: bool) -> None:
        """Nothing is touched yet.

        Args:
            path: made when it does not exist.
            names: that a certificate must be for, beside NAMES.
            host_name: another; left out when it is no DNS name.
            makes: False: only read; what is missing or due is not made.

        Raises:
            BadRequest: one of `names` is neither a DNS name nor an IP address.
        """
        self.path = path
        self._makes = makes
        wanted = [*NAMES, *(normal_name(name) for name in names)]
        self._host_name = ""
        with contextlib.suppress(BadRequest):
            self._host_name = normal_name(host_name)
            wanted.append(self._host_name)
        self.names = tuple(dict.fromkeys(wanted))
        """That a certificate is wanted for."""
        self.bundle_file, self.key_file = path / "server.bundle.pem", path / "server.key.pem"
        self.ca_file, self._ca_key_file = path / "ca.pem", path / "ca.key.pem"
        self.shortcoming = ""
        """What is missing in what was loaded last, though it is served and stays so."""

    def load(self, now: datetime) -> tuple[Held, str]:
        """What is to be served, and what could not be done about it.

        Raises:
            BadCertificates: nothing usable is there or can be made.
        """
        self.shortcoming = ""
        if self._makes:
            tighten(self.key_file)
            tighten(self._ca_key_file)
        found, reason = self._look(now)
        if found is None and not self._makes:
            raise BadCertificates(
                f"nothing to serve in {self.path}: {reason}",
                hint="`satellite cert make` makes what is missing",
            )
        if found is not None and not (reason and self._makes):
            return found, reason
        try:
            return self.make(now), ""
        except BadCertificates as failure:
            if found is None:
                raise
            if (issued := self._issued(found, now)) is not None:
                return issued, ""
            unmet = f"{reason}, but {failure.message}"
            missing = set(self.names).difference(names_of(found.pair.chain[0]))
            if self.is_due(found, now) or missing != {self._host_name}:
                return found, unmet
            self.shortcoming = unmet  # a pod is called otherwise each time, and nobody calls it by that name
            return found, ""

    def _look(self, now: datetime) -> tuple[Held | None, str]:
        """What the folder holds, and why something must be made; no reason, nothing to make."""
        ca = self._read_ca()
        if ca is None:
            return None, "there is no CA certificate"
        try:
            pair = read_pair(self.bundle_file, self.key_file)
        except BadCertificates as failure:
            return None, failure.message
        found = Held(pair, ca)
        if not is_issued_by(pair.chain[0], ca):
            return None, "the server certificate is of another CA"
        if self.is_due(found, now):
            return found, "a certificate is to be renewed"
        missing = [name for name in self.names if name not in names_of(pair.chain[0])]
        return found, f"the server certificate is not for {', '.join(missing)}" if missing else ""

    def make(self, now: datetime, *, force: bool = False) -> Held:
        """Make what is missing or due, alone among all processes that share the folder; look again first."""
        try:
            make_folder(self.path)
            with locked(self.path / ".lock"):
                found, reason = self._look(now)
                if found is not None and not reason and not force:
                    return found
                ca, ca_key = self._make_ca(now)
                kept = names_of(found.pair.chain[0]) if found is not None and not force else ()
                names = tuple(dict.fromkeys((*self.names, *kept)))[:NAMES_MAX]
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = issue_server(ca, ca_key, key, names, now)
                # The key first: a bundle whose key is not there yet would be replaced by who finds it.
                write(self.key_file, key_pem(key), 0o600)
                write(self.bundle_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
                return Held(Pair((certificate,), key), ca)
        except OSError as failure:
            raise BadCertificates(
                f"certificates cannot be written to {self.path}: {failure.strerror}",
                hint="name a folder that can be written with --cert-dir, or bring your own with tls_cert_prefix",
            ) from failure

    def _issued(self, found: Held, now: datetime) -> Held | None:
        """A server certificate for this process alone, by the CA of a folder that cannot be written (a mounted Secret).

        None without the CA's key, or where there are no files without a file system.
        """
        ca = found.ca
        try:
            ca_key = read_key(self._ca_key_file)
        except BadCertificates:
            return None
        if ca is None or ca.public_key() != ca_key.public_key() or not hasattr(os, "memfd_create"):
            return None
        names = tuple(dict.fromkeys((*self.names, *names_of(found.pair.chain[0]))))[:NAMES_MAX]
        key = ec.generate_private_key(ec.SECP256R1())
        return Held(Pair((issue_server(ca, ca_key, key, names, now),), key), ca, kept=False)

    def _make_ca(self, now: datetime) -> tuple[x509.Certificate, PrivateKey]:
        """The CA and its key: those in the folder; what is missing or due is made, but never a second key."""
        ca = self._read_ca()
        if self._ca_key_file.exists():
            key = read_key(self._ca_key_file)
            if ca is not None and ca.public_key() != key.public_key():
                raise BadCertificates(
                    f"{self._ca_key_file} is not the key of {self.ca_file}",
                    hint="put back the one that belongs to it, or remove both to have a new CA made",
                )
        elif ca is None:
            key = ec.generate_private_key(ec.SECP256R1())
            write(self._ca_key_file, key_pem(key), 0o600)
        else:
            raise BadCertificates(
                f"{self._ca_key_file} is missing, so nothing can be issued by {self.ca_file}",
                hint="put it back, or remove ca.pem too to have a new CA made, which clients must be given",
            )
        if ca is None or ca_is_due(ca, now):
            ca = issue_ca(key, now)
            write(self.ca_file, ca.public_bytes(serialization.Encoding.PEM), 0o644)
        return ca, key

    def _read_ca(self) -> x509.Certificate | None:
        try:
            self.ca_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            pass  # Reading it says the same with a better text.
        return read_certificates(self.ca_file)[0]

    def is_due(self, held: Held, now: datetime) -> bool:
        """Whether a certificate is to be made anew."""
        if held.ca is None:
            return False
        server = held.pair.chain[0]
        ends = server.not_valid_after_utc - RENEW_BEFORE
        return ca_is_due(held.ca, now) or not server.not_valid_before_utc <= now < ends

    def issuer(self) -> Issuer | None:
        """Our CA with its key; None while there is none."""
        if not self._ca_key_file.exists():
            return None
        ca = self._read_ca()
        return None if ca is None else Issuer(ca, read_key(self._ca_key_file))
