"""Certificates: a CA and a server certificate of our own, or the user's files; kept, renewed, reloaded while running.

`CertificateStore` owns the files and hands out what servers need: an `ssl.SSLContext`, gRPC credentials, the CA for
download. Who calls `refresh` and how often, and who shows `warnings`, is left to others. Nothing here hands out a
private key except to the TLS libraries, and no message holds one.
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Literal, cast

import grpc
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from satellite.edges.certificate_folder import RENEW_BEFORE, CertificateFolder, Held
from satellite.edges.certificates import BadCertificates, Issuer, is_issued_by, names_of, read_pair
from satellite.edges.contexts import grpc_configuration, server_context
from satellite.edges.described import Certificate, described

_FileState = tuple[int, int, int] | None


@dataclass(frozen=True)
class _Served(Held):
    """All that is served at a time; replaced as a whole, so that nobody sees half of a reload."""

    contexts: Mapping[tuple[str, ...], ssl.SSLContext] = field(default_factory=dict, repr=False)
    """One per list of ALPN protocols somebody asked for."""


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
        self._clock = clock
        self._folder = CertificateFolder(folder, names=names, host_name=host_name, makes=make)
        self._is_own = prefix is not None
        """Whether the files are the user's."""
        self._bundle_file, self._key_file = self._folder.bundle_file, self._folder.key_file
        if prefix is not None:
            self._bundle_file, self._key_file = Path(f"{prefix}.bundle.pem"), Path(f"{prefix}.key.pem")
        self._lock = threading.RLock()
        self._served: _Served | None = None
        self._alpns: set[tuple[str, ...]] = {("http/1.1",)}
        self._seen: tuple[_FileState, ...] = ()
        self._problem = ""

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
                material = self._served = replace(material, contexts=contexts)
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
            material = self._served
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
        return tuple(dict.fromkeys((*self._folder.names, *names_of(self._loaded().pair.chain[0]))))

    @property
    def kept(self) -> bool:
        """Whether other processes find what is served in its files.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        return self._loaded().kept

    @property
    def folder(self) -> Path:
        """Where our own files are."""
        return self._folder.path

    # What diagnostics show

    def issuer(self) -> Issuer | None:
        """Our CA with its key; None where the certificates are the user's."""
        return None if self._is_own else self._folder.issuer()

    def describe(self) -> list[Certificate]:
        """What is served now: the server certificate, its chain, and last the CA.

        Raises:
            BadCertificates: there is nothing to serve.
        """
        material = self._loaded()
        shown: list[tuple[Literal["server", "intermediate", "ca"], x509.Certificate, Path]] = []
        for certificate in material.pair.chain:
            role: Literal["server", "intermediate", "ca"] = "intermediate" if shown else "server"
            shown.append(
                ("ca" if shown and certificate == material.ca else role, certificate, self._bundle_file)
            )
        if not self._is_own and material.ca is not None:
            shown.append(("ca", material.ca, self._folder.ca_file))
        return [
            described(role, certificate, "own" if self._is_own else "made", file)
            for role, certificate, file in shown
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
        found = [self._folder.shortcoming] if self._folder.shortcoming else []
        if self._is_own and self._loaded().ca is None:
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
        if self._is_own:
            raise BadCertificates(
                "certificates of your own are not renewed by the satellite",
                hint=f"write new ones to {self._bundle_file} and {self._key_file}; they are taken up without a restart",
            )
        with self._lock:
            self._folder.make(self._clock(), force=True)
            self._refresh()

    def _loaded(self) -> _Served:
        # Without the lock once there is something: a renewal may be waiting for another process.
        if self._served is None:
            self.refresh()
        assert self._served is not None
        return self._served

    def _refresh(self) -> bool:
        now, before = self._clock(), self._served
        seen = self._file_states()
        if before is not None and seen == self._seen and not self._problem and not self._is_due(before, now):
            return False
        while True:
            try:
                after, self._problem = self._load(now)
                self._served = _Served(after.pair, after.ca, after.kept, self._contexts(after))
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
            self._served = before
            return False
        return True

    def _load(self, now: datetime) -> tuple[Held, str]:
        """What is to be served, and what could not be done about it."""
        if not self._is_own:
            return self._folder.load(now)
        pair = read_pair(self._bundle_file, self._key_file)
        root = pair.chain[-1]
        return Held(pair, root if is_issued_by(root, root) else None), ""

    def _is_due(self, held: Held, now: datetime) -> bool:
        return not self._is_own and self._folder.is_due(held, now)

    def _contexts(self, held: Held) -> dict[tuple[str, ...], ssl.SSLContext]:
        return {protocols: self._context(protocols, held) for protocols in self._alpns}

    def _context(self, alpn: tuple[str, ...], held: Held) -> ssl.SSLContext:
        """A context of the files as they are now, whose connections use the newest one instead when they begin."""
        pair = None if held.kept else held.pair
        context = server_context(alpn, self._bundle_file, self._key_file, pair)

        # Not `load_cert_chain` on a context in use: a pair that fails half way would leave it without a key.
        # OpenSSL calls this for each handshake, also for one without a server name.
        def choose(
            connection: ssl.SSLSocket | ssl.SSLObject, _name: str | None, _from: ssl.SSLContext
        ) -> None:
            if self._served is not None:
                connection.context = self._served.contexts[alpn]

        context.sni_callback = choose
        return context

    def _file_states(self) -> tuple[_FileState, ...]:
        """Of all that is served: inode, size and time of change; None without the file."""
        files = [self._bundle_file, self._key_file, *([self._folder.ca_file] if not self._is_own else [])]
        states: list[_FileState] = []
        for file in files:
            try:
                found = file.stat()
                states.append((found.st_ino, found.st_size, found.st_mtime_ns))
            except OSError:
                states.append(None)
        return tuple(states)
