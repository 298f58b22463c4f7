"""Certificates: a CA and a server certificate of our own, or the user's files; kept, renewed, reloaded while running.

`CertificateStore` owns the files and hands out what servers need: an `ssl.SSLContext`, gRPC credentials, the CA for
download. Who calls `refresh` and how often, and who shows `warnings`, is left to others. Nothing here hands out a
private key except to the TLS libraries, and no message holds one.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Literal, cast

import grpc
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
from satellite.edges.contexts import grpc_configuration, server_context
from satellite.edges.described import Certificate, described
from satellite.errors import BadRequest

__all__ = [
    "NAMES",
    "BadCertificates",
    "CertificateStore",
]

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

_FileState = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Material:
    """All that is served at a time; replaced as a whole, so that nobody sees half of a reload."""

    pair: Pair
    ca: x509.Certificate | None
    contexts: Mapping[tuple[str, ...], ssl.SSLContext] = field(default_factory=dict, repr=False)
    """One per list of ALPN protocols somebody asked for."""
    kept: bool = True
    """False: the server certificate is in no file, because the folder cannot be written."""


class CertificateStore:
    """The satellite's certificates.

    Without `prefix`, the folder is ours: on first use it gets a CA and a server certificate (EC P-256), and from then
    on they are kept. The server certificate is made anew 30 days before it ends, when a wanted name is missing, or
    when it was issued by another CA. The CA is renewed in its last 397 days, *with the same key and name*, so that
    clients with the old file still connect; it is never replaced by another one. Several processes may share the
    folder; nothing is written as long as all is well, so it may be read-only: what is due is then made for this process
    alone. Files:

        ca.pem             the CA certificate                ca.key.pem        its key, mode 0600
        server.bundle.pem  the server certificate            server.key.pem    its key, mode 0600

    With `prefix`, `<prefix>.bundle.pem` (server certificate first, then its chain) and `<prefix>.key.pem` are served
    and the folder is left alone. The CA for download is then the last certificate of the bundle if it is self-signed,
    which a lone self-signed server certificate is too; a bundle without its root has no CA to offer.

    Safe to use from several threads. Files are first touched by `refresh`, or by whatever needs them.

    Args:
        folder: Made when it does not exist.
        clock: The time, with a zone.
        host_name: Another name for a made certificate; left out when it is no DNS name.
        names: More DNS names and IP addresses. Names of the certificate before are kept, up to 100 in all, so that
            processes with different wishes do not take turns in making certificates.
        prefix: A path and the beginning of a file name (the original's `tls_cert_prefix`).
        make: False: only read; what is missing or due is not made.

    Raises:
        BadRequest: one of `names` is neither a DNS name nor an IP address.
    """

    def __init__(
        self,
        folder: Path,
        *,
        clock: Callable[[], datetime],
        host_name: str = "",
        names: Sequence[str] = (),
        prefix: Path | None = None,
        make: bool = True,
    ) -> None:
        self.folder = folder
        self._clock = clock
        self._prefix = prefix
        self._makes = make
        wanted = [*NAMES, *(normal_name(name) for name in names)]
        self._host_name = ""
        with contextlib.suppress(BadRequest):
            self._host_name = normal_name(host_name)
            wanted.append(self._host_name)
        self._names = tuple(dict.fromkeys(wanted))
        stem = str(folder / "server") if prefix is None else str(prefix)
        self._bundle_file, self._key_file = Path(f"{stem}.bundle.pem"), Path(f"{stem}.key.pem")
        self._ca_file, self._ca_key_file = folder / "ca.pem", folder / "ca.key.pem"
        self._lock = threading.RLock()
        self._material: _Material | None = None
        self._alpns: set[tuple[str, ...]] = {("http/1.1",)}
        self._seen: tuple[_FileState, ...] = ()
        self._problem = ""
        self._shortcoming = ""

    # What servers take

    def ssl_context(self, alpn: Sequence[str] = ("http/1.1",)) -> ssl.SSLContext:
        """A server's context: TLS 1.2 or newer, the given ALPN protocols, best first.

        Each new handshake gets the certificate of that moment, whatever server name it asks for, or none. A client
        that offers none of the protocols is served without ALPN.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        protocols = tuple(alpn)
        with self._lock:
            self._alpns.add(protocols)
            material = self._loaded()
            if protocols not in material.contexts:
                contexts = {**material.contexts, protocols: self._context(protocols, material)}
                material = self._material = replace(material, contexts=contexts)
        return material.contexts[protocols]

    def grpc_credentials(self) -> grpc.ServerCredentials:
        """Credentials for `add_secure_port` of grpc and grpc.aio; each new handshake gets the certificate of that moment.

        gRPC itself offers ALPN `h2` and TLS 1.2 to 1.3.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        given = self._loaded().pair

        # gRPC calls this from threads of its own before each handshake; None means «as before».
        def changed() -> grpc.ServerCertificateConfiguration | None:
            nonlocal given
            material = self._material
            if material is None or material.pair is given:
                return None
            given = material.pair
            return grpc_configuration(given)

        # The stubs do not know of None, grpc's own documentation does.
        fetcher = cast(Callable[[], grpc.ServerCertificateConfiguration], changed)
        return grpc.dynamic_ssl_server_credentials(grpc_configuration(given), fetcher)

    @property
    def ca_pem(self) -> bytes | None:
        """The certificate that clients must trust, PEM; None when own files do not bring it.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        ca = self._loaded().ca
        return None if ca is None else ca.public_bytes(serialization.Encoding.PEM)

    @property
    def names(self) -> tuple[str, ...]:
        """DNS names and IP addresses that the server is called by: those wanted, and those of what is served.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        return tuple(dict.fromkeys((*self._names, *names_of(self._loaded().pair.chain[0]))))

    @property
    def kept(self) -> bool:
        """Whether other processes find what is served in its files.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        return self._loaded().kept

    # What diagnostics show

    def issuer(self) -> Issuer | None:
        """Our CA with its key; None where the certificates are the user's."""
        if self._prefix is not None or not self._ca_key_file.exists():
            return None
        ca = self._read_ca()
        return None if ca is None else Issuer(ca, read_key(self._ca_key_file))

    def describe(self) -> list[Certificate]:
        """What is served now: the server certificate, its chain, and last the CA.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        material = self._loaded()
        own = self._prefix is not None
        shown: list[tuple[Literal["server", "intermediate", "ca"], x509.Certificate, Path]] = []
        for certificate in material.pair.chain:
            role: Literal["server", "intermediate", "ca"] = "intermediate" if shown else "server"
            shown.append(
                ("ca" if shown and certificate == material.ca else role, certificate, self._bundle_file)
            )
        if not own and material.ca is not None:
            shown.append(("ca", material.ca, self._ca_file))
        return [
            described(role, certificate, "own" if own else "made", file) for role, certificate, file in shown
        ]

    @property
    def warnings(self) -> list[str]:
        """What is wrong although something is served: dates, a reload or renewal that failed. Empty: all is well."""
        certificates, now = self.describe(), self._clock()
        found = [self._problem] if self._problem else []
        for certificate in certificates:
            subject = f"the {certificate.role} certificate in {certificate.file}"
            if now > certificate.not_after:
                found.append(f"{subject} expired on {certificate.not_after:%Y-%m-%d %H:%M} UTC")
            elif now < certificate.not_before:
                found.append(f"{subject} is valid only from {certificate.not_before:%Y-%m-%d %H:%M} UTC on")
            elif certificate.source == "own" and now > certificate.not_after - RENEW_BEFORE:
                found.append(f"{subject} expires on {certificate.not_after:%Y-%m-%d %H:%M} UTC")
        return found

    @property
    def notes(self) -> list[str]:
        """What is missing, though everything that is there is served and stays so: for saying it once."""
        found = [self._shortcoming] if self._shortcoming else []
        if self._prefix is not None and self._loaded().ca is None:
            found.append(
                f"{self._bundle_file} does not end with its CA certificate: /ca.pem and `satellite cert` have none to offer, "
                "clients must be given it otherwise"
            )
        return found

    # Load, reload, renew

    def refresh(self) -> bool:
        """Take up what has changed on disk, and renew what is due. True when something else is served from now on.

        Costs a few `stat` calls when there is nothing to do; else milliseconds, or as long as another process makes
        certificates in the folder. Should it fail later on, what was served before stays, and `warnings` say why.

        Raises:
            BadCertificates: nothing was loaded before, and nothing usable is there or can be made.
        """
        with self._lock:
            return self._refresh()

    def renew(self) -> None:
        """Make a new server certificate now, for the wanted names only; the CA stays.

        Raises:
            BadCertificates: it cannot be made; or the certificates are the user's own.
        """
        if self._prefix is not None:
            raise BadCertificates(
                "certificates of your own are not renewed by the satellite",
                hint=f"write new ones to {self._bundle_file} and {self._key_file}; they are taken up without a restart",
            )
        with self._lock:
            self._make(self._clock(), force=True)
            self._refresh()

    def _loaded(self) -> _Material:
        # Without the lock once there is something: a renewal may be waiting for another process.
        if self._material is None:
            self.refresh()
        assert self._material is not None
        return self._material

    def _refresh(self) -> bool:
        now, before = self._clock(), self._material
        seen = self._file_states()
        if before is not None and seen == self._seen and not self._problem and not self._due(before, now):
            return False
        while True:
            try:
                after, self._problem = self._load(now)
                self._material = replace(after, contexts=self._contexts(after))
                break
            except BadCertificates as failure:
                previous, seen = seen, self._file_states()
                if seen != previous:
                    continue  # They were being replaced while we read them.
                if before is None:
                    raise
                self._problem = f"{failure.message}; what was loaded before is still served"
                return False
        self._seen = seen
        if before is None:
            return True
        if (before.pair.chain, before.ca) == (after.pair.chain, after.ca):
            self._material = before
            return False
        return True

    def _load(self, now: datetime) -> tuple[_Material, str]:
        """What is to be served, and what could not be done about it."""
        self._shortcoming = ""
        if self._prefix is not None:
            pair = read_pair(self._bundle_file, self._key_file)
            root = pair.chain[-1]
            return _Material(pair, root if is_issued_by(root, root) else None), ""
        if self._makes:
            tighten(self._key_file)
            tighten(self._ca_key_file)
        found, reason = self._look(now)
        if found is None and not self._makes:
            raise BadCertificates(
                f"nothing to serve in {self.folder}: {reason}",
                hint="`satellite cert make` makes what is missing",
            )
        if found is not None and not (reason and self._makes):
            return found, reason
        try:
            return self._make(now), ""
        except BadCertificates as failure:
            if found is None:
                raise
            if (issued := self._issued(found, now)) is not None:
                return issued, ""
            unmet = f"{reason}, but {failure.message}"
            missing = set(self._names).difference(names_of(found.pair.chain[0]))
            if self._due(found, now) or missing != {self._host_name}:
                return found, unmet
            self._shortcoming = unmet  # a pod is called otherwise each time, and nobody calls it by that name
            return found, ""

    def _look(self, now: datetime) -> tuple[_Material | None, str]:
        """What the folder holds, and why something must be made; no reason, nothing to make."""
        ca = self._read_ca()
        if ca is None:
            return None, "there is no CA certificate"
        try:
            pair = read_pair(self._bundle_file, self._key_file)
        except BadCertificates as failure:
            return None, failure.message
        found = _Material(pair, ca)
        if not is_issued_by(pair.chain[0], ca):
            return None, "the server certificate is of another CA"
        if self._due(found, now):
            return found, "a certificate is to be renewed"
        missing = [name for name in self._names if name not in names_of(pair.chain[0])]
        return found, f"the server certificate is not for {', '.join(missing)}" if missing else ""

    def _make(self, now: datetime, *, force: bool = False) -> _Material:
        """Make what is missing or due, alone among all processes that share the folder; look again first."""
        try:
            make_folder(self.folder)
            with locked(self.folder / ".lock"):
                found, reason = self._look(now)
                if found is not None and not reason and not force:
                    return found
                ca, ca_key = self._make_ca(now)
                kept = names_of(found.pair.chain[0]) if found is not None and not force else ()
                names = tuple(dict.fromkeys((*self._names, *kept)))[:NAMES_MAX]
                key = ec.generate_private_key(ec.SECP256R1())
                certificate = issue_server(ca, ca_key, key, names, now)
                # The key first: a bundle whose key is not there yet would be replaced by who finds it.
                write(self._key_file, key_pem(key), 0o600)
                write(self._bundle_file, certificate.public_bytes(serialization.Encoding.PEM), 0o644)
                return _Material(Pair((certificate,), key), ca)
        except OSError as failure:
            raise BadCertificates(
                f"certificates cannot be written to {self.folder}: {failure.strerror}",
                hint="name a folder that can be written with --cert-dir, or bring your own with tls_cert_prefix",
            ) from failure

    def _issued(self, found: _Material, now: datetime) -> _Material | None:
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
        names = tuple(dict.fromkeys((*self._names, *names_of(found.pair.chain[0]))))[:NAMES_MAX]
        key = ec.generate_private_key(ec.SECP256R1())
        return _Material(Pair((issue_server(ca, ca_key, key, names, now),), key), ca, kept=False)

    def _make_ca(self, now: datetime) -> tuple[x509.Certificate, PrivateKey]:
        """The CA and its key: those in the folder; what is missing or due is made, but never a second key."""
        ca = self._read_ca()
        if self._ca_key_file.exists():
            key = read_key(self._ca_key_file)
            if ca is not None and ca.public_key() != key.public_key():
                raise BadCertificates(
                    f"{self._ca_key_file} is not the key of {self._ca_file}",
                    hint="put back the one that belongs to it, or remove both to have a new CA made",
                )
        elif ca is None:
            key = ec.generate_private_key(ec.SECP256R1())
            write(self._ca_key_file, key_pem(key), 0o600)
        else:
            raise BadCertificates(
                f"{self._ca_key_file} is missing, so nothing can be issued by {self._ca_file}",
                hint="put it back, or remove ca.pem too to have a new CA made, which clients must be given",
            )
        if ca is None or ca_is_due(ca, now):
            ca = issue_ca(key, now)
            write(self._ca_file, ca.public_bytes(serialization.Encoding.PEM), 0o644)
        return ca, key

    def _read_ca(self) -> x509.Certificate | None:
        try:
            self._ca_file.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError:
            pass  # Reading it says the same with a better text.
        return read_certificates(self._ca_file)[0]

    def _due(self, material: _Material, now: datetime) -> bool:
        if self._prefix is not None or material.ca is None:
            return False
        server = material.pair.chain[0]
        ends = server.not_valid_after_utc - RENEW_BEFORE
        return ca_is_due(material.ca, now) or not server.not_valid_before_utc <= now < ends

    def _contexts(self, material: _Material) -> dict[tuple[str, ...], ssl.SSLContext]:
        return {protocols: self._context(protocols, material) for protocols in self._alpns}

    def _context(self, alpn: tuple[str, ...], material: _Material) -> ssl.SSLContext:
        """A context of the files as they are now, whose connections use the newest one instead when they begin."""
        pair = None if material.kept else material.pair
        context = server_context(alpn, self._bundle_file, self._key_file, pair)

        # Not `load_cert_chain` on a context in use: a pair that fails half way would leave it without a key.
        # OpenSSL calls this for each handshake, also for one without a server name.
        def choose(
            connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _from: ssl.SSLContext
        ) -> None:
            if self._material is not None:
                connection.context = self._material.contexts[alpn]

        context.sni_callback = choose
        return context

    def _file_states(self) -> tuple[_FileState, ...]:
        """Of all that is served: inode, size and time of change; None without the file."""
        files = [self._bundle_file, self._key_file, *([self._ca_file] if self._prefix is None else [])]
        states: list[_FileState] = []
        for file in files:
            try:
                found = file.stat()
                states.append((found.st_ino, found.st_size, found.st_mtime_ns))
            except OSError:
                states.append(None)
        return tuple(states)
