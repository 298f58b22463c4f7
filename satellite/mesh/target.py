"""What Istio's settings point at: a satellite, as the proxies reach it."""

from __future__ import annotations

from dataclasses import dataclass

HOST = "lightstep-satellite.lightstep"
"""The satellite's Service in `deploy/satellite.yaml`, by the short name that Istio's pages always used."""
TLS_PORT = 9292
PLAIN_PORT = 8184
CA_FILE = "/etc/lightstep/cacert.pem"
"""In the proxies: the Secret `lightstep.cacert` has the key `cacert.pem`, the injector mounts it at this directory."""
TOKEN = "default"  # noqa: S105 - no secret: with open access it names the project that Explorer shows first


@dataclass(frozen=True, slots=True)
class Target:
    """What the settings point at."""

    address: str
    """`host:port`."""
    token: str
    """The access token; istiod's validation refuses an empty one from 1.10 on."""
    tls: bool
    ca_file: str

    @property
    def host(self) -> str:
        return self.address.rpartition(":")[0]

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def service(self) -> str:
        """The host as istiod's registry knows it: the short name of our own Service in full."""
        return f"{HOST}.svc.cluster.local" if self.host == HOST else self.host
