"""A logged request sent once more, to any address, by whoever asks for it: here, and not by the satellite.

A satellite that sent requests wherever it is told would lend its place in the network to everybody who reaches its
Explorer (SSRF); this process can reach no more than its user can.
"""

from __future__ import annotations

import gzip
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx

from mock_lightstep_satellite.calls import is_own_machine
from mock_lightstep_satellite.errors import BadRequest, Unreachable

TIMEOUT_S = 10.0
TOKEN = "lightstep-access-token"  # noqa: S105 - the name of a header

_REMOVED = "(removed)"
_OF_THE_CONNECTION = {
    "host", "content-length", "connection", "transfer-encoding", "expect", "keep-alive", "te", "trailer", "upgrade",
    "proxy-connection",
}  # fmt: skip
_INFLATE = {"": lambda body: body, "gzip": gzip.decompress, "deflate": zlib.decompress}


@dataclass(frozen=True, slots=True)
class Replayed:
    """What was answered this time."""

    status: int
    """Of HTTP."""
    grpc_status: str | None
    """Over gRPC the name of the status."""
    message: str
    """What goes with a gRPC status; else the reason phrase."""
    body: bytes


def replay(
    detail: dict[str, Any],
    body: bytes,
    to: str,
    *,
    token: str | None = None,
    ca_file: str | Path | None = None,
    timeout: float = TIMEOUT_S,
) -> Replayed:
    """Send a request again, as it was sent; what was removed from its head stays away, the access token apart.

    Args:
        detail: as `Project.request` gives it.
        body: as `Project.request_body` gives it.
        to: `http://host:port` or `https://host:port`, for a call of gRPC also `host:port` without TLS.
        token: the access token in the place of the one that was removed from the head; None: none.
        ca_file: certificates to trust, PEM.
        timeout: seconds, for all of it.

    Raises:
        BadRequest: `to` is no such address, or only the beginning of the body was kept.
        Unreachable: nobody takes it there.
    """
    request = detail["request"]
    if request["cut"]:
        raise BadRequest(
            f"only the beginning of the body of request {request['number']} was kept, so it cannot be sent again",
            hint="more is kept with a larger request_log_bytes_per_project",
        )
    if not 0 < timeout <= 600:
        raise BadRequest("timeout: more than 0 and at most 600 seconds", parameter="timeout")
    over_grpc = request["transport"] == "grpc"
    secure, host, base = _address(to, bare=over_grpc)
    headers = [(one["name"], one["value"]) for one in detail["headers"]]
    kept = [
        (name, value)
        for name, value in headers
        if name not in _OF_THE_CONNECTION and not name.startswith(":") and value != _REMOVED
    ]
    if token and (TOKEN, _REMOVED) in headers:
        kept.append((TOKEN, token))
    if over_grpc:
        return _call(request, kept, body, host, secure=secure, ca_file=ca_file, timeout=timeout)
    path, _, query = request["path"].partition("?")
    if request["method"] == "GET":
        query, body = body.decode("latin-1"), b""
    url = f"{'https' if secure else 'http'}://{host}{base}{path}{'?' if query else ''}{query}"
    try:
        with httpx.Client(
            verify=_context(ca_file), trust_env=not is_own_machine(url), timeout=timeout
        ) as client:
            reply = client.request(request["method"], url, headers=kept, content=body or None)
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise Unreachable(f"nobody took the request at {to}: {error}") from error
    return Replayed(reply.status_code, None, reply.reason_phrase, reply.content)


def _address(to: str, *, bare: bool) -> tuple[bool, str, str]:
    """(with TLS, host:port, path before the request's own)."""
    forms = "http://host:port, https://host:port" + (", host:port" if bare else "")
    text = to if "://" in to or not bare else f"http://{to}"
    try:
        parts = urlsplit(text)
        port = parts.port
    except ValueError:
        port, parts = None, urlsplit("")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.username:
        raise BadRequest(f"to: {to!r} is no address to send to; one is {forms}", parameter="to")
    secure = parts.scheme == "https"
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return secure, f"{name}:{port or (443 if secure else 80)}", parts.path.rstrip("/")


def _context(ca_file: str | Path | None) -> Any:
    import ssl

    if ca_file is None:
        return True
    try:
        return ssl.create_default_context(cafile=str(ca_file))
    except OSError as error:
        raise BadRequest(f"ca_file: {ca_file} holds no certificates: {error}", parameter="ca_file") from error


def _call(
    request: dict[str, Any],
    headers: list[tuple[str, str]],
    body: bytes,
    host: str,
    *,
    secure: bool,
    ca_file: str | Path | None,
    timeout: float,
) -> Replayed:
    try:
        import grpc
    except ImportError as error:
        raise BadRequest(
            "a call of gRPC is sent again by grpcio, which is not installed", hint="pip install grpcio"
        ) from error
    if (encoding := request["encoding"]) not in _INFLATE:
        raise BadRequest(
            f"a message compressed with {encoding} cannot be sent again: grpcio does not speak it"
        )
    compression = {"gzip": grpc.Compression.Gzip, "deflate": grpc.Compression.Deflate}.get(encoding)
    metadata = [
        (name, value)
        for name, value in headers
        if not name.startswith("grpc-")
        and not name.endswith("-bin")
        and name not in {"content-type", "user-agent"}
    ]
    if secure:
        ca = Path(ca_file).read_bytes() if ca_file is not None else None
        channel = grpc.secure_channel(host, grpc.ssl_channel_credentials(ca))
    else:
        channel = grpc.insecure_channel(host)
    with channel:
        method: Any = channel.unary_unary(request["path"])
        try:
            answer = method(
                _INFLATE[encoding](body), timeout=timeout, metadata=metadata, compression=compression
            )
        except grpc.RpcError as error:
            code, message = error.code(), error.details() or ""
            if code is grpc.StatusCode.UNAVAILABLE and "connect" in message.lower():
                raise Unreachable(f"nobody took the call at {host}: {message}") from error
            return Replayed(200, code.name, message, b"")
    return Replayed(200, "OK", "", answer)
