"""The YAML of each generation of Istio's settings: comments on how it is applied, then one document or more."""

from __future__ import annotations

import json

from satellite.mesh.target import Target

MESH_NAMESPACE = "istio-system"


def _quoted(text: str) -> str:
    """As a YAML scalar, whatever it holds: a JSON string is one."""
    return json.dumps(text)


def helm_values(target: Target) -> str:
    """Helm values `global.tracer.lightstep`: Istio 1.1 to 1.5."""
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


def tls_settings(target: Target) -> str:
    """An IstioOperator with `global.tracer.lightstep` and `tlsSettings`: 1.6 to 1.9."""
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
{_proxies_tls(target)}  values:
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


def mesh_config(target: Target) -> str:
    """An IstioOperator with `defaultConfig.tracing.lightstep`: 1.10 to 1.14."""
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
{_proxies_tls(target)}  values:
    global:
      proxy:
        tracer: lightstep # still needed: the sidecar template mounts the CA only then
{_overlay(target)}"""


def _proxies_tls(target: Target) -> str:
    """Below `tracing`: TLS to the satellite, which the proxies check by its CA; nothing for a plain port."""
    if not target.tls:
        return ""
    return f"""\
        tlsSettings:
          mode: SIMPLE
          caCertificates: {_quoted(target.ca_file)}
"""


def _overlay(target: Target) -> str:
    return _OVERLAY.format(directory=_quoted(target.ca_file.rpartition("/")[0])) if target.tls else ""


def lightstep_provider(target: Target) -> str:
    """The extension provider `lightstep`, a Telemetry that uses it, a rule for TLS: 1.16 to 1.26."""
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


def opentelemetry(target: Target) -> str:
    """The same with the provider `opentelemetry`: from 1.24 on."""
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
