import pytest
from shop import create_app, reporting

from mock_lightstep_satellite import q


@pytest.fixture
def shop(spans, monkeypatch):
    """The service, reporting to the project of this test."""
    for name, value in spans.env().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "50")  # ms; the SDK waits five seconds else
    provider = reporting()
    yield create_app(provider).test_client()
    provider.shutdown()


def test_a_checkout_is_one_trace(shop, spans):
    shop.post("/checkout", data={"amount": 5})
    spans.expect(q.service("shop"), count=2, timeout=30)
    [trace] = spans.traces()
    trace.assert_complete()
    trace.assert_order(q.operation("POST /checkout"), q.operation("charge"))
    charge = trace.span(q.operation("charge"))
    assert charge.parent.operation == "POST /checkout"
    assert charge.tags["amount"] == 5


def test_a_declined_card_fails_the_whole_request(shop, spans):
    shop.post("/checkout", data={"amount": 5000})
    spans.expect(q.error(), count=2, timeout=30)
    [trace] = spans.traces()
    trace.assert_error_reaches(q.operation("charge"), q.operation("POST /checkout"))


def test_what_it_reports_looks_as_it_did(shop, spans):
    shop.post("/checkout", data={"amount": 5})
    spans.expect(count=2, timeout=30)
    spans.match_golden("checkout", ignore={"telemetry.*", "http.*", "net.*", "flask.*"})


def test_spans_outlive_a_collector_that_is_busy(shop, spans):
    with spans.fault(grpc_status="UNAVAILABLE", times=1):
        shop.post("/checkout", data={"amount": 5})
        spans.expect(count=2, timeout=30)  # the SDK sends them again
        [rule] = spans.faults()
    assert rule["applied"] == 1
