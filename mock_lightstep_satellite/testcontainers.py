"""A satellite as a container, by Testcontainers: `pip install "mock-lightstep-satellite[testcontainers]"`, and an engine.

    @pytest.fixture(scope="session")
    def satellite(tmp_path_factory):
        with SatelliteContainer() as container:
            yield container.satellite(tmp_path_factory.mktemp("satellite"))

In the place of the fixture `satellite` it serves `spans`, whose addresses are then those of the ports on the host.
"""

from __future__ import annotations

from pathlib import Path

from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from mock_lightstep_satellite.client import Client
from mock_lightstep_satellite.remote import RemoteSatellite, connect

IMAGE = "mock-lightstep-satellite"
"""As the README builds it; there is no public one."""
EXPLORER, ADMIN = 8000, 8180
REPORTS = (9292, 8184, 9191, 8181, 9393, 8383)
"""gRPC, HTTP and any protocol, each with TLS and without."""


class SatelliteContainer(DockerContainer):  # type: ignore[misc]  # its package is installed by those who want it
    """A container of the image, on free ports of the host; ready when its block begins. Settings go by `with_env`."""

    def __init__(self, image: str = IMAGE, **arguments: object) -> None:
        super().__init__(image, **arguments)
        self._clients: list[Client] = []
        self.with_exposed_ports(EXPLORER, ADMIN, *REPORTS)
        self.waiting_for(HttpWaitStrategy(ADMIN, "/_ready"))

    @property
    def url(self) -> str:
        """The Explorer's, from here: for `Client`."""
        return f"http://{self.get_container_host_ip()}:{self.get_exposed_port(EXPLORER)}"

    def satellite(self, folder: Path) -> RemoteSatellite:
        """Its addresses from here, until it stops; a copy of its CA goes to the folder.

        Raises:
            Unreachable: nothing answers.
        """
        mapped = {port: int(self.get_exposed_port(port)) for port in REPORTS}
        client = Client(self.url)
        self._clients.append(client)
        return connect(client, folder, mapped=mapped)

    def stop(self, *arguments: object, **named: object) -> None:
        """Stop it, and close what asked it."""
        while self._clients:
            self._clients.pop().close()
        super().stop(*arguments, **named)
