"""Handshakes that fail on purpose: certificates that a careful client must not trust."""

from __future__ import annotations

import ssl
import tempfile
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

from satellite.edges.certificates import SERVER_LIFETIME, Issuer, issue_ca, issue_server, key_pem
from satellite.edges.greeting import ALPN
from satellite.faults.rule import Tls

HANDSHAKE_FAILURE = b"\x15\x03\x03\x00\x02\x02\x28"
"""The fatal alert of that name (RFC 8446 §6)."""

_NOBODYS_NAME = ("nobody.invalid",)


class FaultyTls:
    """Contexts for such handshakes, each made when it is first wanted."""

    def __init__(
        self, *, issuer: Callable[[], Issuer | None], names: Sequence[str], clock: Callable[[], datetime]
    ) -> None:
        """Args: `issuer` is the CA that clients trust; None when its key is not ours, then nobody trusts any of these."""
        self._issuer = issuer
        self._names = names
        self._clock = clock
        self._contexts: dict[Tls, ssl.SSLContext] = {}

    def context(self, wrong: Tls) -> ssl.SSLContext:
        """A server's context whose certificate is expired, has another name, or another CA."""
        if wrong not in self._contexts:
            self._contexts[wrong] = self._make(wrong)
        return self._contexts[wrong]

    def _make(self, wrong: Tls) -> ssl.SSLContext:
        now = self._clock()
        issuer = None if wrong == "wrong-ca" else self._issuer()
        if issuer is None:
            ca_key = ec.generate_private_key(ec.SECP256R1())
            issuer = Issuer(issue_ca(ca_key, now), ca_key)
        key = ec.generate_private_key(ec.SECP256R1())
        names = _NOBODYS_NAME if wrong == "wrong-name" else self._names
        when = now - SERVER_LIFETIME - timedelta(days=1) if wrong == "expired" else now
        certificate = issue_server(issuer.certificate, issuer.key, key, names, when)
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.set_alpn_protocols(list(ALPN))
        with tempfile.TemporaryDirectory() as folder:  # the ssl module reads files only
            chain, secret = Path(folder, "chain.pem"), Path(folder, "key.pem")
            chain.write_bytes(
                certificate.public_bytes(Encoding.PEM) + issuer.certificate.public_bytes(Encoding.PEM)
            )
            secret.touch(mode=0o600)
            secret.write_bytes(key_pem(key))
            context.load_cert_chain(chain, secret)
        return context
