"""Sending reports as Envoy's native LightStep tracer does: by gRPC, with its cluster name, its time limit, no second try."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import grpc

from satellite.pb.lightstep_collector_pb2 import (
    Auth,
    Reporter,
    ReportRequest,
    ReportResponse,
)

METHOD = "/lightstep.collector.CollectorService/Report"
AUTHORITY = "lightstep"
"""Envoy puts the cluster's name there, never the host."""
REPORT_TIMEOUT_SECONDS = 5.0
"""Envoy's `tracing.lightstep.request_timeout`."""

IN_FLIGHT_MAX = 16
"""So many reports wait for an answer; then `send` waits (ours)."""


class Undeliverable(Exception):
    """The satellite cannot be reached or refuses what it is sent; the message says what to look at."""


@dataclass(slots=True)
class Totals:
    """What became of the spans, so far."""

    spans_sent: int = 0
    """Acknowledged with OK."""
    spans_refused: int = 0
    """Of reports answered with another status, or not answered in time."""
    reports_sent: int = 0
    reports_refused: int = 0
    last_refusal: str = ""
    """Status and message of the last refusal; never holds the token."""


class Sender:
    """Sends reports as Envoy does: unary gRPC, `:authority` = cluster name, the token in the message, no second try.

    Unlike Envoy under Istio's defaults, TLS checks the host's name too.

    Args:
        address: `host:port`.
        ca_pem: The CA certificates to trust over TLS; None for a plain connection.
        server_name: The name that the certificate must have; by default the address's host.
    """

    def __init__(self, address: str, *, ca_pem: bytes | None, server_name: str = "") -> None:
        self.address = address
        self.totals = Totals()
        self._tls = ca_pem is not None
        self._free = threading.Semaphore(IN_FLIGHT_MAX)
        self._lock = threading.Lock()
        options = [("grpc.default_authority", AUTHORITY)]
        if ca_pem is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            # With an authority of our own gRPC would look for that name in the certificate; this sets it right.
            name = server_name or address.rpartition(":")[0].strip("[]")
            options.append(("grpc.ssl_target_name_override", name))
            self._channel = grpc.secure_channel(address, grpc.ssl_channel_credentials(ca_pem), options)
        self._report = self._channel.unary_unary(
            METHOD,
            request_serializer=ReportRequest.SerializeToString,
            response_deserializer=ReportResponse.FromString,
        )

    def check(self, reporter: Reporter, token: str) -> None:
        """Send a report without spans, and wait for the answer.

        Raises:
            Undeliverable: Nothing answers there, TLS fails, or the report is refused.
        """
        try:
            empty = ReportRequest(reporter=reporter, auth=Auth(access_token=token))
            self._report(empty, timeout=REPORT_TIMEOUT_SECONDS)
        except grpc.RpcError as error:
            raise Undeliverable(self._explain(error)) from error

    def send(self, report: ReportRequest) -> None:
        """Send one report; the answer is counted in `totals` when it comes."""
        self._free.acquire()
        call = self._report.future(report, timeout=REPORT_TIMEOUT_SECONDS)
        spans = len(report.spans)
        call.add_done_callback(lambda done: self._count(done, spans))

    def finish(self) -> Totals:
        """Wait for the answers still to come (each comes or times out), hang up, return the totals."""
        for _ in range(IN_FLIGHT_MAX):
            self._free.acquire()
        self._channel.close()
        return self.totals

    def _count(self, call: grpc.Future[ReportResponse], spans: int) -> None:
        error = call.exception()
        with self._lock:
            if error is None:
                self.totals.reports_sent += 1
                self.totals.spans_sent += spans
            else:
                self.totals.reports_refused += 1
                self.totals.spans_refused += spans
                self.totals.last_refusal = self._explain(error)
        self._free.release()

    def _explain(self, error: BaseException) -> str:
        if not isinstance(error, grpc.Call):
            return str(error)
        status, details = error.code().name, error.details() or ""
        if error.code() not in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED):
            return f"{self.address} refuses reports: {status}: {details}"
        for sign, advice in _ADVICE:
            if sign in details:
                return f"{self.address}: {advice}"
        if self._tls:
            return f"no TLS connection to {self.address}: {details}"
        return f"no connection to {self.address}: {details}"


_ADVICE = (
    (
        "Connection refused",
        "nothing listens there. Is the satellite running? (`satellite serve`, or --address)",
    ),
    ("CERTIFICATE_VERIFY_FAILED", "its certificate was not made by the CA given. Which CA? (--ca FILE)"),
    (
        "Hostname Verification",
        "its certificate does not have this host's name (`satellite serve --san NAME`)",
    ),
    ("create security handshaker", "the CA file holds no certificate that can be read (--ca FILE)"),
    ("WRONG_VERSION_NUMBER", "that port does not speak TLS. Use the TLS port (9292), or --plain"),
    ("Socket closed", "hangs up without TLS. Use the plain port (8184), or leave --plain out"),
    ("DNS resolution failed", "no such host (--address)"),
)
"""Part of gRPC's message, and what it means to somebody who tries the demo."""
