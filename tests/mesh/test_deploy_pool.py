"""deploy/pool: several satellites before one ClickHouse. Files are parsed; neither an engine nor a cluster is needed."""

from __future__ import annotations

import re
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml

from satellite.settings import load
from tests.mesh.test_deploy import CONTAINER as ALONE
from tests.mesh.test_deploy import DOCUMENTS as OF_ONE
from tests.mesh.test_deploy import PORTS, ROOT, VERSIONS

POOL = ROOT / "deploy" / "pool"
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all((POOL / "satellites.yaml").read_text()))
NAMESPACE, DEPLOYMENT, SERVICE, EXPLORER, AUTOSCALER, BUDGET = DOCUMENTS
POD = DEPLOYMENT["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_schema_of_the_oldest_and_newest_kubernetes(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


def test_it_is_found_and_restricted_as_one_satellite_is() -> None:
    namespace, deployment, service = OF_ONE
    assert namespace == NAMESPACE
    assert service == SERVICE
    for name in ("ports", "readinessProbe", "livenessProbe", "securityContext"):
        assert CONTAINER[name] == ALONE[name]
    alone = deployment["spec"]["template"]
    assert POD["metadata"] == alone["metadata"]
    assert POD["spec"]["securityContext"] == alone["spec"]["securityContext"]
    assert POD["spec"]["automountServiceAccountToken"] is False


def test_all_parts_mean_the_same_pods() -> None:
    labels = POD["metadata"]["labels"].items()
    for selector in (
        DEPLOYMENT["spec"]["selector"]["matchLabels"],
        EXPLORER["spec"]["selector"],
        BUDGET["spec"]["selector"]["matchLabels"],
    ):
        assert selector.items() <= labels
    target = AUTOSCALER["spec"]["scaleTargetRef"]
    assert (target["apiVersion"], target["kind"], target["name"]) == (
        DEPLOYMENT["apiVersion"],
        "Deployment",
        DEPLOYMENT["metadata"]["name"],
    )
    assert {document["metadata"]["namespace"] for document in DOCUMENTS[1:]} == {"lightstep"}
    assert "replicas" not in DEPLOYMENT["spec"]
    assert AUTOSCALER["spec"]["minReplicas"] > BUDGET["spec"]["maxUnavailable"]
    assert "cpu" in CONTAINER["resources"]["requests"]  # what the autoscaler measures against


def test_environment_is_understood() -> None:
    given = {one["name"]: one.get("value", "http://me:secret@clickhouse/x") for one in CONTAINER["env"]}
    image = {"COLLECTOR_DATA_DIR": "/var/lib/satellite/data"}  # as its Dockerfile has it
    loaded = load({}, image | given)
    assert not loaded.unknown
    assert not loaded.no_effect
    assert (loaded.settings.store, loaded.settings.data_dir) == ("clickhouse", None)


def test_one_ca_for_all_comes_from_the_secret_of_the_comment() -> None:
    [volume] = POD["spec"]["volumes"]
    [mount] = CONTAINER["volumeMounts"]
    assert mount["readOnly"]
    assert {entry["name"]: entry.get("value") for entry in CONTAINER["env"]}["COLLECTOR_CERT_DIR"] == mount[
        "mountPath"
    ]
    comments = (POOL / "satellites.yaml").read_text()
    assert f"create secret generic {volume['secret']['secretName']}" in comments
    [url] = [entry["valueFrom"]["secretKeyRef"] for entry in CONTAINER["env"] if "valueFrom" in entry]
    assert f"create secret generic {url['name']}" in comments
    [said] = re.findall(rf"--from-literal={url['key']}=(\S+)", comments)
    load({"store": "clickhouse", "clickhouse_url": said}, {})


def test_compose_has_two_satellites_and_one_clickhouse() -> None:
    compose = yaml.safe_load((POOL / "compose.yaml").read_text())
    engine = compose["services"].pop("clickhouse")
    assert len(compose["services"]) == 2
    outside: list[str] = []
    for service in compose["services"].values():
        assert (POOL / service["build"] / "Dockerfile").exists()
        assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
        for mapping in service["ports"]:
            address, out, inside = mapping.split(":")
            assert (address, int(inside) in PORTS) == ("127.0.0.1", True)
            outside.append(out)
        loaded = load({}, {"COLLECTOR_STORE": "clickhouse"} | service["environment"])
        assert not loaded.unknown
        given = engine["environment"]
        user = f"{given['CLICKHOUSE_USER']}:{given['CLICKHOUSE_PASSWORD']}"
        assert (
            loaded.settings.clickhouse_url.get_secret_value()
            == f"http://{user}@clickhouse:8123/{given['CLICKHOUSE_DB']}"
        )
        assert service["depends_on"].keys() <= {"clickhouse", *compose["services"]}
    assert len(set(outside)) == len(outside)


def test_the_image_adds_the_client_by_hash_and_runs_as_nobody_special() -> None:
    text = re.sub(r"\\\n", " ", (POOL / "Dockerfile").read_text())
    lines = [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[0] == ["FROM", "mock-lightstep-satellite:latest"]
    assert lines[-1] == ["USER", "1000:1000"]
    [install] = [rest for name, rest in lines if name == "RUN"]
    assert "--require-hashes" in install
    lock = (POOL / "clickhouse.lock").read_text()
    assert {"clickhouse-connect", "urllib3"} <= set(re.findall(r"^([a-z0-9-]+)==", lock, flags=re.MULTILINE))
    assert "chdb" not in lock
