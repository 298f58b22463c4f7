from __future__ import annotations

from pathlib import Path

from mock_lightstep_satellite.client import Client
from mock_lightstep_satellite.remote import PORTS, RemoteSatellite, environment
from mock_lightstep_satellite.spans import AsyncSpans, Golden, Spans


def test_where_only_http_answers_otlp_goes_there() -> None:
    addresses = dict.fromkeys(PORTS, "")
    with Client("http://127.0.0.1:1") as client:

        def env(**reached: str) -> dict[str, str]:
            at = addresses | reached
            return environment(RemoteSatellite(client.url, client, ca_file=Path("ca.pem"), **at), "token")

        assert "OTEL_EXPORTER_OTLP_ENDPOINT" not in env()
        http = env(http_url="http://127.0.0.1:2")
        assert http["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:2"
        assert http["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
        both = env(http_url="http://127.0.0.1:2", plain_target="127.0.0.1:3")
        assert both["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:3"
        assert "OTEL_EXPORTER_OTLP_PROTOCOL" not in both


def test_who_awaits_has_the_same_addresses() -> None:
    with Client("http://127.0.0.1:1") as client:
        ports = {name: f"127.0.0.1:{place}" for place, name in enumerate(PORTS, 2)}
        satellite = RemoteSatellite(client.url, client, ca_file=Path("ca.pem"), **ports)
        spans = Spans(satellite, "token", Golden(Path(), update=False, create=False))
        awaiting = AsyncSpans(spans)
        for name in (*PORTS, "url", "ca_file", "token", "project"):
            assert getattr(awaiting, name) == getattr(spans, name), name
        assert awaiting.env() == spans.env()
