"""Jaeger v2 with its memory store, as a peer: the program `jaeger` in the folder that the environment's PEERS names."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

from bench.process import Served, ask, free_ports

PORTS = ("grpc_plain_port", "grpc_secure_port", "http_plain_port", "http_secure_port", "zipkin_port")
"""Named as the satellite's that take the same."""
OTHER_PORTS = ("query", "query_grpc", "status", "metrics")
TRACES_MAX = 2_000_000
"""Its default of 100,000 would forget most of what is sent here."""


def program() -> Path | None:
    """Where it is; None when it was not given."""
    folder = os.environ.get("PEERS", "")
    file = Path(folder, "jaeger")
    return file if folder and file.is_file() else None


class Jaeger(Served):
    """The settings of its own all-in-one, but for ports, what it remembers, and quieter logs."""

    def __init__(self, program: Path, certificates: Path, *, batches: bool = True) -> None:
        """Args: `certificates` is a satellite's folder; `batches`: it acknowledges before it stores, which is its default."""
        super().__init__()
        self._program = program
        self._certificates = certificates
        self._batches = batches

    def command(self, folder: Path) -> tuple[list[str], dict[str, str]]:
        """It takes YAML, and so JSON."""
        names = (*PORTS, *OTHER_PORTS)
        self.ports = dict(zip(names, free_ports(len(names)), strict=True))
        settings = folder / "jaeger.json"
        settings.write_text(json.dumps(self._settings()), "utf-8")
        return [str(self._program), "--config", str(settings)], {}

    def is_ready(self) -> bool:
        """Whether it is well and answers questions."""
        return (
            ask(self.ports["status"], "GET", "/status")[0] == 200
            and ask(self.ports["query"], "GET", "/api/services")[0] == 200
        )

    def stored(self) -> int:
        """Spans that went into its store since the start."""
        text = ask(self.ports["metrics"], "GET", "/metrics")[1].decode()
        lines = re.findall(r"^otelcol_exporter_sent_spans(?:_total)?\{[^}]*\} (\S+)$", text, re.MULTILINE)
        return round(sum(map(float, lines)))

    def _settings(self) -> dict[str, Any]:
        ports = self.ports

        def at(name: str) -> dict[str, Any]:
            return {"endpoint": f"127.0.0.1:{ports[name]}"}

        files = {"cert_file": "server.bundle.pem", "key_file": "server.key.pem"}
        tls = {"tls": {name: str(self._certificates / file) for name, file in files.items()}}
        receivers = {
            "otlp": {"protocols": {"grpc": at("grpc_plain_port"), "http": at("http_plain_port")}},
            "otlp/tls": {
                "protocols": {"grpc": at("grpc_secure_port") | tls, "http": at("http_secure_port") | tls}
            },
            "zipkin": at("zipkin_port") | {"keep_alives_enabled": True},  # or it hangs up after each request
        }
        processors = {"batch": None} if self._batches else {}
        metrics = {"exporter": {"prometheus": {"host": "127.0.0.1", "port": ports["metrics"]}}}
        return {
            "service": {
                "extensions": ["healthcheckv2", "jaeger_storage", "jaeger_query"],
                "pipelines": {
                    "traces": {
                        "receivers": list(receivers),
                        "processors": list(processors),
                        "exporters": ["jaeger_storage_exporter"],
                    }
                },
                "telemetry": {
                    "logs": {"level": "warn"},
                    "metrics": {"level": "normal", "readers": [{"pull": metrics}]},
                },
            },
            "extensions": {
                "healthcheckv2": {"use_v2": True, "http": at("status")},
                "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": TRACES_MAX}}}},
                "jaeger_query": {
                    "storage": {"traces": "memory"},
                    "http": at("query"),
                    "grpc": at("query_grpc"),
                },
            },
            "receivers": receivers,
            "processors": processors,
            "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        }
