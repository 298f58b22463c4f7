"""The real Envoy as a process, set up as a pair of Istio's sidecars: one request through it is two spans.

A request to `Envoy.url` passes an outbound listener (the caller's sidecar), then an inbound one (the called one's), then
reaches the application behind them.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from tests.interop.processes import PATIENCE_S, environment

Json = dict[str, Any]

CALLER, CALLED = "productpage.default", "reviews.default"
OPERATION = "reviews.default.svc.cluster.local:9080/*"
SOON_MS = 50
"""After which Envoy sends what it has."""

_TYPES = "type.googleapis.com/envoy"


def opentelemetry_over_grpc(token: str, service: str) -> Json:
    """The tracer as Istio sets it up for an extension provider `opentelemetry`."""
    service_of_satellite = {
        "envoy_grpc": {"cluster_name": "satellite", "authority": "satellite"},
        "timeout": f"{PATIENCE_S}s",
        "initial_metadata": [{"key": "lightstep-access-token", "value": token}],
    }
    return _opentelemetry({"grpc_service": service_of_satellite}, service)


def opentelemetry_over_http(token: str, service: str) -> Json:
    """The same with its `http` settings."""
    header = {"key": "lightstep-access-token", "value": token}
    service_of_satellite = {
        "http_uri": {
            "uri": "http://satellite/v1/traces",
            "cluster": "satellite",
            "timeout": f"{PATIENCE_S}s",
        },
        "request_headers_to_add": [{"header": header}],
    }
    return _opentelemetry({"http_service": service_of_satellite}, service)


def _opentelemetry(target: Json, service: str) -> Json:
    config = {"@type": f"{_TYPES}.config.trace.v3.OpenTelemetryConfig", "service_name": service, **target}
    return {"name": "envoy.tracers.opentelemetry", "typed_config": config}


def zipkin(_token: str, _service: str) -> Json:
    """The tracer as Istio sets it up for Zipkin; the service's name is Envoy's `--service-cluster`."""
    config = {
        "@type": f"{_TYPES}.config.trace.v3.ZipkinConfig",
        "collector_cluster": "satellite",
        "collector_endpoint": "/api/v2/spans",
        "collector_endpoint_version": "HTTP_JSON",
        "collector_hostname": "satellite",
        "trace_id_128bit": True,
        "shared_span_context": False,
    }
    return {"name": "envoy.tracers.zipkin", "typed_config": config}


class Envoy:
    """Serves within the block. `tracer` is one of the functions above; TLS to the satellite when there is a CA."""

    def __init__(
        self,
        binary: Path,
        tracer: Any,
        satellite: str,
        token: str,
        application: str,
        *,
        ca_file: Path | None,
        http2: bool = False,
    ) -> None:
        """`satellite` is host:port, `application` the URL of what is behind the sidecars; with `http2` the satellite's
        cluster speaks that, as it does for gRPC."""
        self._binary = binary
        over_http2 = http2 or tracer is opentelemetry_over_grpc
        self._setup = (tracer, satellite, token, application, ca_file, over_http2)
        self._said: list[str] = []
        self._changed = threading.Condition()
        self._ended = False

    def __enter__(self) -> Self:
        self._folder = tempfile.TemporaryDirectory()
        bootstrap = Path(self._folder.name, "envoy.json")
        inside = {"pipe": {"path": str(Path(self._folder.name, "called"))}}  # from one sidecar to the other
        bootstrap.write_text(json.dumps(_bootstrap(*self._setup, inside)))
        address = Path(self._folder.name, "admin")
        self._process = subprocess.Popen(
            [
                *(self._binary, "--config-path", bootstrap, "--admin-address-path", address),
                *("--disable-hot-restart", "--concurrency", "1", "--log-level", "info"),
                *(
                    "--service-cluster",
                    CALLER,
                    "--service-node",
                    "sidecar~127.0.0.1~productpage-v1.default~d",
                ),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        try:
            self._wait_until_said("starting main dispatch loop")
            self._admin = httpx.Client(base_url=f"http://{address.read_text()}", trust_env=False)
            listeners = self._admin.get("/listeners", params={"format": "json"}).json()["listener_statuses"]
            addresses = {one["name"]: one["local_address"] for one in listeners}
            self.url = f"http://127.0.0.1:{addresses['outbound']['socket_address']['port_value']}"
        except BaseException:
            self._end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._admin.close()
        self._end()

    def stats(self) -> dict[str, int]:
        """Its own counters and gauges."""
        shown = self._admin.get("/stats", params={"format": "json"}).json()["stats"]
        return {one["name"]: one["value"] for one in shown if "value" in one}

    def stats_when(self, name: str, value: int) -> dict[str, int]:
        """The same, once this one has this value; it may take Envoy a moment to count an answer that was sent."""
        until = time.monotonic() + PATIENCE_S
        while (stats := self.stats()).get(name) != value and time.monotonic() < until:
            pass
        assert stats.get(name) == value, {key: count for key, count in stats.items() if count}
        return stats

    def _end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._reader.join()
        self._folder.cleanup()

    def _read(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stream:
            for line in stream:
                with self._changed:
                    self._said.append(line)
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def _wait_until_said(self, text: str) -> None:
        with self._changed:
            self._changed.wait_for(
                lambda: self._ended or any(text in line for line in self._said), timeout=PATIENCE_S
            )
            assert any(text in line for line in self._said), "".join(self._said)


def _bootstrap(
    tracer: Any,
    satellite: str,
    token: str,
    application: str,
    ca_file: Path | None,
    over_http2: bool,
    inside: Json,
) -> Json:
    soon = {f"tracing.{name}.flush_interval_ms": SOON_MS for name in ("opentelemetry", "zipkin")}
    at_once = {f"tracing.{name}.min_flush_spans": 1 for name in ("opentelemetry", "zipkin")}
    runtime = [{"name": "ours", "static_layer": soon | at_once}, {"name": "admin", "admin_layer": {}}]
    listeners = [
        _listener("outbound", _address("127.0.0.1:0"), tracer(token, CALLER), token, "called"),
        _listener("inbound", inside, tracer(token, CALLED), token, "application"),
    ]
    clusters = [
        _cluster("satellite", _address(satellite), over_http2=over_http2, ca_file=ca_file),
        _cluster("called", inside),
        _cluster("application", _address(urlsplit(application).netloc)),
    ]
    return {
        "admin": {"address": _address("127.0.0.1:0")},
        "layered_runtime": {"layers": runtime},
        "static_resources": {"listeners": listeners, "clusters": clusters},
    }


def _address(target: str) -> Json:
    host, _, port = target.rpartition(":")
    host = "127.0.0.1" if host == "localhost" else host
    return {"socket_address": {"address": host, "port_value": int(port)}}


def _cluster(name: str, address: Json, *, over_http2: bool = False, ca_file: Path | None = None) -> Json:
    endpoint = {"lb_endpoints": [{"endpoint": {"address": address}}]}
    cluster: Json = {
        "name": name,
        "type": "STATIC",
        "load_assignment": {"cluster_name": name, "endpoints": [endpoint]},
    }
    if over_http2:
        kind = "extensions.upstreams.http.v3.HttpProtocolOptions"
        options = {"@type": f"{_TYPES}.{kind}", "explicit_http_config": {"http2_protocol_options": {}}}
        cluster["typed_extension_protocol_options"] = {f"envoy.{kind}": options}
    if ca_file is not None:
        trusted: Json = {
            "trusted_ca": {"filename": str(ca_file)},
            "match_typed_subject_alt_names": [{"san_type": "DNS", "matcher": {"exact": "localhost"}}],
        }
        context = {
            "@type": f"{_TYPES}.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "localhost",
            "common_tls_context": {"validation_context": trusted},
        }
        cluster["transport_socket"] = {"name": "envoy.transport_sockets.tls", "typed_config": context}
    return cluster


def _listener(direction: str, address: Json, tracer: Json, token: str, cluster: str) -> Json:
    route = {
        "match": {"prefix": "/"},
        "decorator": {"operation": OPERATION},
        "route": {"cluster": cluster, "timeout": f"{PATIENCE_S}s"},
    }
    tags = {"istio.mesh_id": "cluster.local"}
    if tracer["name"] == "envoy.tracers.zipkin":
        tags["lightstep.access_token"] = token  # it sends no headers of ours
    manager = {
        "@type": f"{_TYPES}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": direction,
        "generate_request_id": True,
        "tracing": {
            "provider": tracer,
            "random_sampling": {"value": 100},
            "custom_tags": [{"tag": key, "literal": {"value": value}} for key, value in tags.items()],
        },
        "http_filters": [
            {
                "name": "envoy.filters.http.router",
                "typed_config": {"@type": f"{_TYPES}.extensions.filters.http.router.v3.Router"},
            }
        ],
        "route_config": {"virtual_hosts": [{"name": "all", "domains": ["*"], "routes": [route]}]},
    }
    filters = [{"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]
    return {
        "name": direction,
        "traffic_direction": direction.upper(),
        "address": address,
        "filter_chains": [{"filters": filters}],
    }
