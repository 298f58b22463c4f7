"""The container as Testcontainers' base class drives it, but for the engine: its ports are those of a satellite here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from mock_lightstep_satellite.spans import Golden, Spans
from satellite import Satellite

USUAL = {8000: "url", 9292: "grpc_target", 8184: "grpc_plain_target", 8181: "http_url", 9191: "https_url"}


class Container:
    """What is asked of Testcontainers' DockerContainer."""

    running: Satellite

    def __init__(self, image: str, **arguments: Any) -> None:
        self.image, self.arguments = image, arguments
        self.ports: tuple[int, ...] = ()
        self.waits: Any = None

    def with_exposed_ports(self, *ports: int) -> None:
        self.ports = ports

    def waiting_for(self, strategy: Any) -> None:
        self.waits = strategy

    def stop(self) -> None:
        self.ports = ()

    def get_container_host_ip(self) -> str:
        return "127.0.0.1"

    def get_exposed_port(self, port: int) -> str:
        assert port in self.ports
        return str(getattr(self.running, USUAL.get(port, "http_url"))).rpartition(":")[2]


@pytest.fixture
def kind(monkeypatch: pytest.MonkeyPatch, satellite: Satellite) -> Iterator[Any]:
    modules = {name: ModuleType(name) for name in ("testcontainers", "testcontainers.core")}
    container = ModuleType("testcontainers.core.container")
    container.DockerContainer = Container  # type: ignore[attr-defined]
    strategies = ModuleType("testcontainers.core.wait_strategies")
    strategies.HttpWaitStrategy = lambda port, path: (port, path)  # type: ignore[attr-defined]
    for name, module in {**modules, container.__name__: container, strategies.__name__: strategies}.items():
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(Container, "running", satellite, raising=False)
    monkeypatch.delitem(sys.modules, "mock_lightstep_satellite.testcontainers", raising=False)
    yield import_module("mock_lightstep_satellite.testcontainers").SatelliteContainer
    monkeypatch.delitem(sys.modules, "mock_lightstep_satellite.testcontainers")


def test_it_waits_until_the_satellite_is_ready(kind: Any) -> None:
    container = kind(name="one")
    assert (container.image, container.arguments) == ("mock-lightstep-satellite", {"name": "one"})
    assert {8000, 8180, 9292, 8184, 9191, 8181} <= set(container.ports)
    assert container.waits == (8180, "/_ready")


def test_addresses_are_those_of_the_host(kind: Any, tmp_path: Path, satellite: Satellite) -> None:
    container = kind()
    assert container.url == satellite.url
    for port in container.ports:
        assert container.get_exposed_port(port)
    # Inside, the satellite listens at its usual ports; this one tells of others.
    usual = {int(str(getattr(satellite, name)).rpartition(":")[2]): port for port, name in USUAL.items()}
    remote = import_module("mock_lightstep_satellite.remote")
    found = remote.connect(satellite.client, tmp_path, mapped={port: port for port in usual})
    assert (found.grpc_target.rpartition(":")[2], found.plain_target) == (
        satellite.grpc_target.rpartition(":")[2],
        "",
    )
    assert found.ca_file.read_bytes() == Path(str(satellite.ca_file)).read_bytes()
    assert container.satellite(tmp_path).url == satellite.url
    container.stop()
    assert (container.ports, container._clients) == ((), [])
    spans = Spans(found, "container", Golden(tmp_path, update=False, create=False))
    assert spans.env()["SATELLITE_HTTP_URL"] == found.http_url
