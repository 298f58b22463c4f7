"""LightStep's tracer in a page of a real browser, which asks before it reports to another origin (CORS)."""

from __future__ import annotations

import base64
import hashlib
import ssl
import time
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import load_pem_x509_certificate

from mock_lightstep_satellite.spans import Spans
from satellite import Satellite
from tests.interop.browser import visit
from tests.interop.matrix import Proof, keep
from tests.interop.test_lightstep_tracers import CLOCK_US, TLS, client_named, diagnostics, project_named


def key_of(port: int) -> str:
    """SHA-256 of the public key of the server at this port, in base64."""
    certificate = load_pem_x509_certificate(ssl.get_server_certificate(("127.0.0.1", port)).encode())
    key = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return base64.b64encode(hashlib.sha256(key).digest()).decode()


def report(url: str, token: str, transport: str) -> dict[str, Any]:
    """What the page says that became of its report."""
    address = urlsplit(url)
    tls = address.scheme == "https"
    settings = {
        "access_token": token,
        "host": "localhost" if tls else address.hostname,
        "port": address.port,
        "tls": tls,
        "transport": transport,
    }
    return visit(settings, trusted_key=key_of(address.port or 443) if tls else "")


@pytest.mark.parametrize("tls", TLS.values(), ids=TLS.keys())
@pytest.mark.parametrize("transport", ["proto", "thrift"])
def test_a_page_reports_to_another_origin(transport: str, tls: bool, spans: Spans) -> None:
    before_us = time.time_ns() // 1000
    told = report(spans.https_url if tls else spans.http_url, spans.token, transport)
    after_us = time.time_ns() // 1000
    assert told["failed"] == ""
    spans.expect(count=2)
    (checkout,) = spans.find('service IN ("shop") AND operation IN ("checkout")')
    (charge,) = spans.find('"error" IN ("true")')
    for span, name in ((checkout, "checkout"), (charge, "charge")):
        assert (span.trace_id, span.span_id) == (told[name]["trace_id"], told[name]["span_id"])
        assert (span.service, span.operation) == ("shop", name)
        assert before_us - CLOCK_US <= span.start_us
        assert span.start_us + span.duration_us <= after_us + CLOCK_US
    assert (checkout.parent_span_id, charge.parent_span_id) == (None, checkout.span_id)
    assert (checkout.error, charge.error) == (False, True)
    assert (checkout.kind, charge.kind) == ("client", None)
    assert checkout.tags == {"span.kind": "client", "retry": "true", "note": "Grüße ☃"}
    (log,) = checkout.logs
    assert log.fields == {"event": "cache.miss", "attempt": "2"}
    attributes = checkout.reporter.attributes
    assert attributes["lightstep.tracer_platform"] == "browser"
    assert attributes["lightstep.tracer_version"] == "0.35.0"
    assert attributes["pod"] == "shop-7d4"
    (reporter,) = project_named(spans.satellite, spans.project)["reporters"]
    assert (reporter["id"], reporter["reports"], reporter["spans"]) == (checkout.reporter.id, 1, 2)
    client = client_named(f"js-{transport}")
    assert checkout.protocol == client.protocol
    keep(Proof(client.package, client.version, client.format, client.transport, tls, "browser"))


@pytest.mark.parametrize("transport", ["proto", "thrift"])
def test_a_page_may_read_why_it_was_refused(transport: str) -> None:
    with Satellite(access_tokens={"known-9a7e": "bookshop"}) as satellite:
        told = report(satellite.http_url, "unknown-4f1c", transport)
        # Without leave to read the answer a page sees no status.
        assert "400" in told["failed"]
        assert [one["code"] for one in diagnostics(satellite)["refusals"]] == ["access_denied"]
        assert satellite.client.projects() == []
