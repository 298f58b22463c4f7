"""The CA as Istio's injector wants it."""

from __future__ import annotations

import base64
import re

import yaml

from satellite.errors import BadRequest

_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")


def kubernetes_secret(ca_pem: bytes, namespace: str) -> str:
    """The Secret `lightstep.cacert` that Istio's injector mounts into sidecars, as one YAML document.

    Its shape is that of Istio's LightStep task (type Opaque, label, key `cacert.pem`), its base64 in one line: the
    page's own command wraps it, which breaks the YAML.

    Raises:
        BadRequest: `namespace` is no Kubernetes name.
    """
    if not _NAMESPACE.fullmatch(namespace):
        raise BadRequest(
            f"not a Kubernetes namespace: {namespace!r}",
            hint="lower-case letters, digits and '-', at most 63, no '-' at either end",
        )
    if b"PRIVATE KEY" in ca_pem:
        raise ValueError("a private key does not belong into this Secret")
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "lightstep.cacert", "namespace": namespace, "labels": {"app": "lightstep"}},
        "type": "Opaque",
        "data": {"cacert.pem": base64.b64encode(ca_pem).decode("ascii")},
    }
    return yaml.safe_dump(secret, explicit_start=True, sort_keys=False)
