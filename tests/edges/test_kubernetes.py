"""The Secret in which proxies look for the CA."""

from __future__ import annotations

import base64

import pytest
import trustme
import yaml

from satellite.edges.kubernetes import kubernetes_secret
from satellite.errors import BadRequest

CA = trustme.CA()
PEM = CA.cert_pem.bytes()


def test_the_secret() -> None:
    text = kubernetes_secret(PEM, "default")
    secret = yaml.safe_load(text)
    assert base64.b64decode(secret["data"].pop("cacert.pem"), validate=True) == PEM
    assert secret == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "lightstep.cacert", "namespace": "default", "labels": {"app": "lightstep"}},
        "type": "Opaque",
        "data": {},
    }
    assert max(len(line) for line in text.splitlines()) > len(PEM)
    assert yaml.safe_load(kubernetes_secret(PEM, "123"))["metadata"]["namespace"] == "123"


@pytest.mark.parametrize("namespace", ["", "Default", "a b", "-a", "a\ntype: x", "a" * 64])
def test_what_is_no_namespace(namespace: str) -> None:
    with pytest.raises(BadRequest, match="not a Kubernetes namespace"):
        kubernetes_secret(b"", namespace)


def test_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="private key"):
        kubernetes_secret(CA.private_key_pem.bytes(), "default")
