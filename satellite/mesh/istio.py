"""The settings that make Istio report to this satellite, for each generation of its LightStep support.

Istio changed the place of these settings four times, and its own pages on them had errors that were never mended (a
missing colon, `=` for `:`, wrapped base64); what is printed here is whole YAML with the pitfalls as comments.
Sources: Istio's task pages and charts of each release, istiod's and Envoy's code. No I/O here.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from satellite.errors import BadRequest
from satellite.mesh import documents
from satellite.mesh.target import CA_FILE, HOST, PLAIN_PORT, TLS_PORT, TOKEN, Target


@dataclass(frozen=True, slots=True)
class Generation:
    """One way to write the settings."""

    name: str
    title: str
    since: int
    """First minor version of Istio 1 that understands it."""
    until: int | None
    """Last minor version that does; None: today's does."""
    protocol: Literal["lightstep", "otlp"]
    """What the proxies then speak."""
    traps: tuple[str, ...]
    tls_traps: tuple[str, ...]
    """More of them, when TLS is used."""
    render: Callable[[Target], str]

    @property
    def versions(self) -> str:
        return f"1.{self.since} to 1.{self.until}" if self.until else f"1.{self.since} and later"


def settings_for(
    generation: Generation,
    *,
    address: str = "",
    token: str = TOKEN,
    ca_file: str = CA_FILE,
    plain: bool = False,
) -> str:
    """One YAML text: how to apply it and what to watch for as comments, then one or more documents.

    Args:
        generation: One of GENERATIONS.
        address: `host:port` as the proxies reach the satellite; "" for our Service's gRPC port.
        token: The access token, printed as it is: that is the point of it.
        ca_file: Where the proxies have the satellite's CA certificate.
        plain: No TLS.

    Raises:
        BadRequest: The address is not `host:port`, or the token is empty.
    """
    target = Target(address or default_address(plain=plain), token, not plain, ca_file)
    if not re.fullmatch(r"[^\s:/\"\[\]]+:\d{1,5}|\[[0-9a-fA-F:]+\]:\d{1,5}", target.address):
        raise BadRequest(
            f"not an address: {target.address!r}", hint=f"write host:port, such as {HOST}:{TLS_PORT}"
        )
    if not token:
        raise BadRequest("Istio needs an access token", hint="any will do while access is open")
    return f"{_comments(generation, target)}{generation.render(target)}"


def part_of(settings: str, program: Literal["istioctl", "kubectl"]) -> str:
    """Of what `settings_for` gave, the documents that this program applies, as it takes them; comments before the first only.

    Raises:
        BadRequest: This generation has none for it.
    """
    documents = settings.split("---\n")
    chosen = documents[:1] if program == "istioctl" else documents[1:]
    if not chosen:
        raise BadRequest(
            "this generation has nothing for kubectl but the CA's Secret",
            hint="its settings are values for istioctl or helm: --part istioctl",
        )
    return "---\n".join(chosen)


def default_address(*, plain: bool = False) -> str:
    """Our Service's port for gRPC, with TLS or without."""
    return f"{HOST}:{PLAIN_PORT if plain else TLS_PORT}"


def generation_named(name: str) -> Generation:
    """The one of that name.

    Raises:
        BadRequest: There is none.
    """
    for generation in GENERATIONS:
        if generation.name == name:
            return generation
    names = ", ".join(generation.name for generation in GENERATIONS)
    raise BadRequest(f"no generation {name!r}", hint=f"there are: {names}")


def generation_for(version: str) -> Generation:
    """The best way for that version of Istio (`1.8`, `1.8.2`, `v1.8`); where two work, the later one.

    Raises:
        BadRequest: Not a version, or one whose proxies cannot report to a satellite.
    """
    match = re.fullmatch(r"v?(\d+)\.(\d+)(?:[.\-+].*)?", version.strip())
    if not match:
        raise BadRequest(f"not a version of Istio: {version!r}", hint="write it as 1.8")
    major, minor = int(match[1]), int(match[2])
    if (major, minor) == (1, 15):
        raise BadRequest(
            "Istio 1.15 cannot report to LightStep",
            hint="its proxies were built without the tracer while istiod still configures it; "
            "use 1.14 or 1.16",
        )
    if major != 1 or minor < 1:
        raise BadRequest(f"Istio {major}.{minor} has no LightStep support", hint="it came with 1.1")
    return [one for one in GENERATIONS if one.since <= minor <= (one.until or minor)][-1]


def banner(*, address: str, token: str = TOKEN, cert_options: str = "") -> str:
    """A few lines for the screen when a satellite has started: what is the same in all generations, and where to go on.

    Args:
        address: `host:port` of the TLS port, as proxies reach it.
        token: The access token to show; only ever one that is no secret.
        cert_options: What `satellite cert` must be told to find this satellite's certificates, such as `--dir certs`.
    """
    options = f"{cert_options} " if cert_options else ""
    return "\n".join(
        (
            "Istio 1.1 to 1.14 (native tracer); all of it: satellite istio --version 1.14",
            f"  address {address}",
            f"  access token {token}, CA {CA_FILE}, sampling 100",
            "  CA for the proxies, in each namespace with workloads, and in istio-system:",
            f"    satellite cert secret {options}--namespace default | kubectl apply -f -",
        )
    )


def traps_of(generation: Generation, *, plain: bool = False) -> tuple[str, ...]:
    """What goes wrong with it in practice, one sentence or two each."""
    return generation.traps if plain else (*generation.tls_traps, *generation.traps)


def _comments(generation: Generation, target: Target) -> str:
    lines = [f"Istio {generation.versions}: {generation.title}", ""]
    if target.tls and generation.protocol == "lightstep":
        lines += [
            "First the CA, before any pod starts (once per namespace with workloads):",
            "  satellite cert secret --namespace default | kubectl apply -f -",
        ]
        if generation.since >= 6:
            lines.append("  satellite cert secret --namespace istio-system | kubectl apply -f -")
        lines += [
            "With the satellite in the cluster it has the CA; so put in front of `satellite`:",
            "  kubectl --namespace lightstep exec deploy/lightstep-satellite --",
            "",
        ]
    lines.append("Watch for:")
    for trap in traps_of(generation, plain=not target.tls):
        lines += textwrap.wrap(f"* {trap}", 108, subsequent_indent="  ")
    return "".join(f"# {line}".rstrip() + "\n" for line in lines)


_CA_EVERYWHERE = (
    "The Secret lightstep.cacert belongs in every namespace with injected pods. A pod without it starts all the same "
    "and its spans are lost in silence: the mount is optional."
)
_CA_IN_GATEWAYS = (
    "Gateways mount it only by the overlay below, and need the Secret in istio-system too; otherwise all traces "
    "lose their roots."
)
_UNVERIFIED = (
    "The DestinationRule makes TLS of it but checks no certificate; without the rule the proxies speak plaintext to the "
    "TLS port and every export fails. Simpler inside the mesh: --plain."
)
_RESTART = "Pods and gateways take these settings when they start: restart what runs."
_PORT_NAME = (
    "The Service's port must be known as gRPC (name grpc-…, or appProtocol: grpc), or every export fails over HTTP/1.1; "
    "deploy/satellite.yaml has it so."
)
_REGISTRY = "`service` must be in the mesh's registry: a Kubernetes Service by its full name, or a ServiceEntry for anything else."

GENERATIONS: tuple[Generation, ...] = (
    Generation(
        name="helm-values",
        title="Helm values global.tracer.lightstep, native tracer",
        since=1,
        until=5,
        protocol="lightstep",
        tls_traps=(
            _CA_EVERYWHERE,
            "The Secret's key must be the file name of cacertPath (cacert.pem); its directory is mounted.",
        ),
        traps=(
            "Gateways report from 1.4 on only.",
            "The access token can be read in each pod's spec.",
            _RESTART,
        ),
        render=documents.helm_values,
    ),
    Generation(
        name="tls-settings",
        title="global.tracer.lightstep with tlsSettings, native tracer",
        since=6,
        until=9,
        protocol="lightstep",
        tls_traps=(
            _CA_EVERYWHERE,
            _CA_IN_GATEWAYS,
        ),
        traps=(
            "`secure` and `cacertPath` of earlier versions have no effect any more.",
            (
                "The YAML on Istio's page for these versions does not parse: a colon is missing after tlsSettings, and "
                "caCertificates has `=`."
            ),
            _RESTART,
        ),
        render=documents.tls_settings,
    ),
    Generation(
        name="mesh-config",
        title="meshConfig.defaultConfig.tracing.lightstep, native tracer",
        since=10,
        until=14,
        protocol="lightstep",
        tls_traps=(
            _CA_EVERYWHERE,
            _CA_IN_GATEWAYS,
        ),
        traps=(
            "Address and access token are both required, even where no token is looked at.",
            (
                "The extension provider `lightstep` of these versions passes the token where a file name belongs; do not use "
                "it before 1.16."
            ),
            (
                "Take these settings out before an upgrade to 1.15 or later: proxies without the tracer refuse their "
                "configuration and never become ready."
            ),
            _RESTART,
        ),
        render=documents.mesh_config,
    ),
    Generation(
        name="lightstep-provider",
        title="extension provider lightstep, which is OTLP over gRPC from here on",
        since=16,
        until=26,
        protocol="otlp",
        tls_traps=(_UNVERIFIED,),
        traps=(
            _PORT_NAME,
            _REGISTRY,
            (
                "Every span arrives as service unknown_service:envoy: istiod sets no service name for this provider. From "
                "1.24 on use the opentelemetry provider."
            ),
            "Only the first provider of a Telemetry is used.",
            "Take the provider out of every Telemetry before an upgrade to 1.27, where it is gone.",
        ),
        render=documents.lightstep_provider,
    ),
    Generation(
        name="opentelemetry",
        title="extension provider opentelemetry, OTLP over gRPC",
        since=24,
        until=None,
        protocol="otlp",
        tls_traps=(_UNVERIFIED,),
        traps=(
            _PORT_NAME,
            _REGISTRY,
            "Without randomSamplingPercentage Istio samples 1 %.",
            "Spans come up to 5 s late: that is the tracer's timer.",
            "A proxy counts spans as sent before it exports them; compare with what the satellite received.",
        ),
        render=documents.opentelemetry,
    ),
)
"""By version; where two overlap the later is better."""
