"""The settings that make Istio report to this satellite, for each generation of its LightStep support.

Istio changed the place of these settings four times, and its own pages on them had errors that were never mended (a
missing colon, `=` for `:`, wrapped base64); what is printed here is whole YAML with the pitfalls as comments.
Sources: Istio's task pages and charts of each release, istiod's and Envoy's code. No I/O here.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from satellite.errors import BadRequest

HOST = "lightstep-satellite.lightstep"
"""The satellite's Service in `deploy/satellite.yaml`, by the short name that Istio's pages always used."""
TLS_PORT = 9292
PLAIN_PORT = 8184
CA_FILE = "/etc/lightstep/cacert.pem"
"""In the proxies: the Secret `lightstep.cacert` has the key `cacert.pem`, the injector mounts it at this directory."""
TOKEN = "default"  # noqa: S105 - no secret: with open access it names the project that Explorer shows first
MESH_NAMESPACE = "istio-system"


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
            f"Istio 1.1 to 1.14 (native tracer): address {address}, access token {token},",
            f"  CA {CA_FILE}, sampling 100. Everything written out: satellite istio --version 1.14",
            "  CA for the proxies, in each namespace with workloads and for gateways in istio-system:",
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


def _quoted(text: str) -> str:
    """As a YAML scalar, whatever it holds: a JSON string is one."""
    return json.dumps(text)


def _helm_values(target: Target) -> str:
    tls = (
        f"      secure: true\n      cacertPath: {_quoted(target.ca_file)}\n"
        if target.tls
        else "      secure: false\n"
    )
    return f"""\
#
# Apply (this text saved as lightstep.yaml):
#   1.1 to 1.3   helm template install/kubernetes/helm/istio --values lightstep.yaml … | kubectl apply -f -
#   1.4 and 1.5  each value as --set values.<path>=<value> of `istioctl manifest apply`
global:
  proxy:
    tracer: lightstep
  tracer:
    lightstep:
      address: {_quoted(target.address)}
      accessToken: {_quoted(target.token)}
{tls}pilot:
  traceSampling: 100
"""


_OVERLAY = """\
  components:
    ingressGateways:
      - name: istio-ingressgateway
        enabled: true
        k8s:
          overlays: # sidecars mount the CA by themselves, gateways do not
            - kind: Deployment
              name: istio-ingressgateway
              patches:
                - path: spec.template.spec.containers[0].volumeMounts[-1]
                  value: |
                    name: lightstep-certs
                    mountPath: {directory}
                    readOnly: true
                - path: spec.template.spec.volumes[-1]
                  value: |
                    name: lightstep-certs
                    secret:
                      secretName: lightstep.cacert
                      optional: true
"""


def _tls_settings(target: Target) -> str:
    tls = f"""\
        tlsSettings:
          mode: SIMPLE
          caCertificates: {_quoted(target.ca_file)}
"""
    return f"""\
#
# Apply (this text saved as lightstep.yaml): istioctl install -f lightstep.yaml
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    enableTracing: true
    defaultConfig:
      tracing:
        sampling: 100
{tls if target.tls else ""}  values:
    pilot:
      traceSampling: 100
    global:
      proxy:
        tracer: lightstep
      tracer:
        lightstep:
          address: {_quoted(target.address)}
          accessToken: {_quoted(target.token)}
{_overlay(target)}"""


def _mesh_config(target: Target) -> str:
    tls = f"""\
        tlsSettings:
          mode: SIMPLE
          caCertificates: {_quoted(target.ca_file)}
"""
    return f"""\
#
# Apply (this text saved as lightstep.yaml): istioctl install -f lightstep.yaml
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    enableTracing: true
    defaultConfig:
      tracing:
        sampling: 100
        lightstep:
          address: {_quoted(target.address)}
          accessToken: {_quoted(target.token)}
{tls if target.tls else ""}  values:
    global:
      proxy:
        tracer: lightstep # still needed: the sidecar template mounts the CA only then
{_overlay(target)}"""


def _overlay(target: Target) -> str:
    return _OVERLAY.format(directory=_quoted(target.ca_file.rpartition("/")[0])) if target.tls else ""


def _lightstep_provider(target: Target) -> str:
    return f"""\
#
# Apply (each part through its own program; the first is istioctl's, the others are kubectl's):
#   satellite istio --version … --part istioctl > lightstep.yaml && istioctl install -f lightstep.yaml
#   satellite istio --version … --part kubectl | kubectl apply -f -
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    enableTracing: true
    extensionProviders:
      - name: lightstep
        lightstep:
          service: {_quoted(target.service)}
          port: {target.port}
          accessToken: {_quoted(target.token)}
          maxTagLength: 256
---
{_telemetry("lightstep", "telemetry.istio.io/v1alpha1")}{_destination_rule(target)}"""


def _opentelemetry(target: Target) -> str:
    return f"""\
#
# Apply (each part through its own program; the first is istioctl's, the others are kubectl's):
#   satellite istio --version … --part istioctl > lightstep.yaml && istioctl install -f lightstep.yaml
#   satellite istio --version … --part kubectl | kubectl apply -f -
apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  meshConfig:
    enableTracing: true
    extensionProviders:
      - name: lightstep-satellite
        opentelemetry:
          service: {_quoted(target.service)}
          port: {target.port}
          grpc:
            timeout: 10s
            initialMetadata:
              - name: lightstep-access-token
                value: {_quoted(target.token)}
---
{_telemetry("lightstep-satellite", "telemetry.istio.io/v1")}{_destination_rule(target)}"""


def _telemetry(provider: str, version: str) -> str:
    return f"""\
apiVersion: {version}
kind: Telemetry
metadata:
  name: mesh-default
  namespace: {MESH_NAMESPACE}
spec:
  tracing:
    - providers:
        - name: {provider}
      randomSamplingPercentage: 100
"""


def _destination_rule(target: Target) -> str:
    """Makes the proxies speak TLS to a provider's cluster; nothing for a plain port.

    Without verification: a CA file would have to be mounted in every proxy, and a proxy without it goes silent.
    """
    if not target.tls:
        return ""
    return f"""\
---
apiVersion: networking.istio.io/v1alpha3
kind: DestinationRule
metadata:
  name: lightstep-satellite
  namespace: {MESH_NAMESPACE}
spec:
  host: {_quoted(target.service)}
  trafficPolicy:
    portLevelSettings:
      - port:
          number: {target.port}
        tls:
          mode: SIMPLE
          sni: {_quoted(target.service)}
          insecureSkipVerify: true # or caCertificates: <file>, once every proxy has it
"""


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
        render=_helm_values,
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
        render=_tls_settings,
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
        render=_mesh_config,
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
        render=_lightstep_provider,
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
        render=_opentelemetry,
    ),
)
"""By version; where two overlap the later is better."""
