"""A pair of certificate and key as TLS libraries take it."""

from __future__ import annotations

import os
import ssl
from pathlib import Path

import grpc
from cryptography.hazmat.primitives import serialization

from satellite.edges.certificates import BadCertificates, Pair, key_pem


def server_context(
    alpn: tuple[str, ...], bundle_file: Path, key_file: Path, pair: Pair | None
) -> ssl.SSLContext:
    """TLS 1.2 or newer with these protocols, best first, and the files' certificate, or this pair where it is in no file.

    Raises:
        BadCertificates: OpenSSL cannot use them.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(alpn))
    try:
        if pair is None:
            context.load_cert_chain(bundle_file, key_file, password=_no_password)
        else:
            _load_from_memory(context, pair)
    except (ssl.SSLError, OSError) as failure:
        reason = getattr(failure, "reason", None) or failure.strerror
        raise BadCertificates(f"{bundle_file} and {key_file} cannot be used for TLS: {reason}") from failure
    return context


def grpc_configuration(pair: Pair) -> grpc.ServerCertificateConfiguration:
    """The same for gRPC's core."""
    chain = b"".join(certificate.public_bytes(serialization.Encoding.PEM) for certificate in pair.chain)
    return grpc.ssl_server_certificate_configuration([(key_pem(pair.key), chain)])


def _load_from_memory(context: ssl.SSLContext, pair: Pair) -> None:
    """OpenSSL by way of Python reads files only: this one has no name and ends with its descriptor."""
    descriptor = os.memfd_create("certificate")
    with os.fdopen(descriptor, "wb") as file:
        file.write(key_pem(pair.key))
        file.writelines(certificate.public_bytes(serialization.Encoding.PEM) for certificate in pair.chain)
        file.flush()
        context.load_cert_chain(f"/proc/self/fd/{descriptor}")


def _no_password() -> str:
    """For OpenSSL, which would ask at the terminal."""
    return ""
