"""Dockerfile and deploy/satellite.yaml against Kubernetes' schemas and the satellite's own settings.

Neither an engine nor a cluster is needed: the files are parsed.
"""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import requires
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
import yaml
from jsonschema import Draft4Validator  # type: ignore[import-untyped]
from kubernetes_validate.utils import all_versions  # type: ignore[import-untyped]
from packaging.requirements import Requirement

from satellite import ports
from satellite.memory import OVERHEAD, fitted
from satellite.mesh import target
from satellite.ports import PURPOSES
from satellite.settings import Settings, load
from satellite.store.recall.disk import JOURNAL_BYTES

ROOT = Path(__file__).parents[2]
DEPLOYMENT_FILE = ROOT / "deploy" / "satellite.yaml"
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(DEPLOYMENT_FILE.read_text()))
NAMESPACE, DEPLOYMENT, SERVICE = DOCUMENTS
POD = DEPLOYMENT["spec"]["template"]
CONTAINER = POD["spec"]["containers"][0]
PORTS = {
    field.default for name, field in Settings.model_fields.items() if name.endswith("_port") and field.default
}
"""Those of the satellite's own defaults."""
VERSIONS = sorted(
    {version for version in all_versions() if version.count(".") == 2},
    key=lambda v: [*map(int, v.split("."))],
)


def test_kinds_in_the_order_they_must_be_made() -> None:
    assert [document["kind"] for document in DOCUMENTS] == ["Namespace", "Deployment", "Service"]


@pytest.mark.parametrize("version", [VERSIONS[0], VERSIONS[-1]])
@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document["kind"])
def test_schema_of_the_oldest_and_newest_kubernetes(document: dict[str, Any], version: str) -> None:
    kubernetes_validate.validate(document, version, strict=True)


SCHEMAS = Path(__file__).with_name("kubernetes")
OLDER: list[dict[str, Any]] = list(
    yaml.safe_load_all(DEPLOYMENT_FILE.with_name("satellite-k8s-1.11.yaml").read_text())
)


def faults(document: dict[str, Any], version: str) -> list[str]:
    """What this version of Kubernetes, as strict as kubectl, has against a document."""
    schema = json.loads((SCHEMAS / f"{version}.json").read_text())
    group = "apps" if "/" in document["apiVersion"] else "core"
    schema["$ref"] = f"#/definitions/io.k8s.api.{group}.v1.{document['kind']}"
    return [error.message for error in Draft4Validator(schema).iter_errors(document)]


@pytest.mark.parametrize("version", ["1.11", "1.13", "1.16", "1.18", "1.19", "1.22"])
def test_kubernetes_of_each_time_takes_its_manifest(version: str) -> None:
    old = version.startswith("1.1") and version != "1.19"
    for document in OLDER if old else DOCUMENTS:
        assert not faults(document, version)
    assert bool(faults(DEPLOYMENT, version)) == old


def test_the_older_manifest_says_the_same_as_far_as_it_can() -> None:
    newer = json.loads(json.dumps(DOCUMENTS))
    pod = newer[1]["spec"]["template"]
    del pod["spec"]["enableServiceLinks"], pod["spec"]["securityContext"]["seccompProfile"]
    pod["metadata"]["annotations"]["seccomp.security.alpha.kubernetes.io/pod"] = "runtime/default"
    for port in newer[2]["spec"]["ports"]:
        del port["appProtocol"]  # Istio goes by the beginnings of their names
    assert newer == OLDER


def test_the_schema_finds_a_mistake() -> None:
    wrong = json.loads(json.dumps(SERVICE))
    wrong["spec"]["port"] = []
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSIONS[-1], strict=True)


def test_names_are_those_of_istios_pages() -> None:
    assert NAMESPACE["metadata"]["name"] == "lightstep"
    for document in (DEPLOYMENT, SERVICE):
        assert document["metadata"]["name"] == "lightstep-satellite"
        assert document["metadata"]["namespace"] == "lightstep"
    assert f"{SERVICE['metadata']['name']}.{SERVICE['metadata']['namespace']}" == target.HOST
    labels = POD["metadata"]["labels"]
    assert SERVICE["spec"]["selector"].items() <= labels.items()
    assert DEPLOYMENT["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_no_sidecar() -> None:
    assert NAMESPACE["metadata"]["labels"]["istio-injection"] == "disabled"
    assert POD["metadata"]["labels"]["sidecar.istio.io/inject"] == "false"


def test_every_listener_has_a_port_of_the_container_and_of_the_service() -> None:
    containers = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}
    assert set(containers.values()) == PORTS
    assert {port["port"] for port in SERVICE["spec"]["ports"]} == PORTS
    for port in SERVICE["spec"]["ports"]:
        assert containers[port["targetPort"]] == port["port"]
    assert all(re.fullmatch(r"[a-z0-9-]{1,15}", name) for name in containers)


def app_protocol(setting: str) -> str:
    match PURPOSES[setting]:
        case ports.GRPC:
            return "grpc"
        case ports.ANY:
            return "tcp"  # Istio would take either HTTP for the other
        case _:
            return "https" if "secure" in setting else "http"


def test_istio_takes_each_port_for_what_it_is() -> None:
    by_number = {port["port"]: port for port in SERVICE["spec"]["ports"]}
    for name, field in Settings.model_fields.items():
        if not name.endswith("_port") or not field.default:
            continue
        port = by_number[field.default]
        assert port["appProtocol"] == app_protocol(name)
        assert port["name"].split("-")[0] == app_protocol(name)
    assert by_number[target.TLS_PORT]["name"] == "grpc-secure"
    assert by_number[target.PLAIN_PORT]["name"] == "grpc-insecure"


@pytest.mark.parametrize(
    ("probe", "path", "delay_seconds", "failures"),
    [("readinessProbe", "/_ready", 5, 10), ("livenessProbe", "/_live", 60, 3)],
)
def test_probes_are_those_of_the_originals_chart(
    probe: str, path: str, delay_seconds: int, failures: int
) -> None:
    settings = CONTAINER[probe]
    admin = {port["name"]: port["containerPort"] for port in CONTAINER["ports"]}[settings["httpGet"]["port"]]
    assert admin == Settings.model_fields["admin_plain_port"].default
    assert settings["httpGet"]["path"] == path
    assert settings["initialDelaySeconds"] == delay_seconds
    assert settings["failureThreshold"] == failures
    assert (settings["periodSeconds"], settings["timeoutSeconds"]) == (20, 15)


def test_pod_is_restricted() -> None:
    """All that the level «restricted» of the pod security standards wants, which the namespace enforces."""
    assert NAMESPACE["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    pod, container = POD["spec"]["securityContext"], CONTAINER["securityContext"]
    assert pod["runAsNonRoot"] is True
    assert pod["runAsUser"] == 1000
    assert pod["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["allowPrivilegeEscalation"] is False
    assert container["capabilities"] == {"drop": ["ALL"]}
    assert container["readOnlyRootFilesystem"] is True
    assert POD["spec"]["automountServiceAccountToken"] is False


def environment() -> dict[str, str]:
    return {entry["name"]: entry["value"] for entry in CONTAINER["env"]}


def test_environment_is_understood_and_fits_the_limit() -> None:
    loaded = load({}, environment())
    assert not loaded.unknown
    assert not loaded.no_effect
    limit_bytes = int(CONTAINER["resources"]["limits"]["memory"].removesuffix("Gi")) * 2**30
    settings = fitted(loaded, limit_bytes).settings
    assert OVERHEAD * settings.bytes_in_total + settings.max_waiting_bytes < 0.8 * limit_bytes
    assert settings.bytes_per_project > 500_000_000


def test_spans_have_a_place_that_fits_their_budget() -> None:
    settings = load({}, environment()).settings
    mounts = {mount["mountPath"]: mount["name"] for mount in CONTAINER["volumeMounts"]}
    (volume,) = (one for one in POD["spec"]["volumes"] if one["name"] == mounts[str(settings.data_dir)])
    size_bytes = int(volume["emptyDir"]["sizeLimit"].removesuffix("Gi")) * 2**30
    assert settings.disk_bytes_in_total is not None
    assert settings.disk_bytes_in_total + JOURNAL_BYTES * 2 < size_bytes


def test_certificates_have_a_place_to_write() -> None:
    mount, _ = CONTAINER["volumeMounts"]
    assert mount["mountPath"] == environment()["COLLECTOR_CERT_DIR"]
    volume, _ = POD["spec"]["volumes"]
    assert volume == {"name": mount["name"], "emptyDir": {}}


def test_the_secret_of_the_comment_is_a_volume() -> None:
    comment = re.search(r"#   secret:\n(?: +#.*\n)+", DEPLOYMENT_FILE.read_text())
    assert comment
    text = "\n".join(line.strip().removeprefix("#") for line in comment[0].splitlines())
    changed = json.loads(json.dumps(DEPLOYMENT))
    changed["spec"]["template"]["spec"]["volumes"][0] = {"name": "certs", **yaml.safe_load(text)}
    kubernetes_validate.validate(changed, VERSIONS[-1], strict=True)


def test_readme_makes_the_namespaces_of_the_secret_first() -> None:
    """A cluster that has no Istio yet has no istio-system, and kubectl then keeps only some of the Secrets."""
    [commands] = re.findall(
        r"## Istio and Envoy\n+```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    before, secret, after = commands.partition("satellite cert secret")
    namespaces = set(re.findall(r"--namespace (\S+)", after.partition("\n")[0]))
    assert secret
    assert namespaces == {"default", "istio-system"}
    for name in namespaces - {"default"}:
        assert f"kubectl create namespace {name}" in before


def test_compose_runs_the_image_as_restricted_as_the_pod() -> None:
    compose = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
    service = compose["services"]["lightstep-satellite"]
    assert (ROOT / "deploy" / service["build"] / "Dockerfile").exists()
    assert (service["read_only"], service["cap_drop"]) == (True, ["ALL"])
    for mapping in service["ports"]:
        address, outside, inside = mapping.split(":")
        assert (address, outside, int(inside) in PORTS) == ("127.0.0.1", inside, True)
    [volume] = service["volumes"]
    assert volume.split(":") == [*compose["volumes"], only("VOLUME")]
    loaded = load({}, service["environment"])
    assert not loaded.unknown
    assert not loaded.no_effect


# The Dockerfile

LOCK = (ROOT / "requirements-dev.lock").read_text()

INSTRUCTIONS = [
    (line.split(None, 1)[0], line.split(None, 1)[1])
    for line in re.sub(
        r"\\\n", " ", re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    ).splitlines()
    if line.strip()
]


def stages() -> list[tuple[str, list[tuple[str, str]]]]:
    """(what follows FROM, the instructions of the stage), in order."""
    found: list[tuple[str, list[tuple[str, str]]]] = []
    for instruction, rest in INSTRUCTIONS:
        if instruction == "FROM":
            found.append((rest, []))
        else:
            found[-1][1].append((instruction, rest))
    return found


def only(instruction: str) -> str:
    """What follows the one such instruction of the last stage."""
    [rest] = [rest for name, rest in stages()[-1][1] if name == instruction]
    return rest


def test_stages() -> None:
    bases = [base for base, _ in stages()]
    assert bases[-4:] == [
        "python:3.12-slim AS wheel",
        "python:3.12-slim AS dependencies",
        "dependencies AS package",
        "python:3.12-slim",
    ]


def test_our_code_is_a_layer_of_its_own() -> None:
    """The dependencies' layer is copied from a stage that sees nothing of ours but the lock file."""
    layers = [rest for name, rest in stages()[-1][1] if name == "COPY"]
    assert layers == [
        "--from=dependencies /opt/satellite /opt/satellite",
        "--from=package /package /opt/satellite",
    ]
    [seen] = [rest for name, rest in dict(stages())["python:3.12-slim AS dependencies"] if name == "COPY"]
    assert seen == "requirements.lock ./"


def test_image_runs_the_satellite_as_nobody_special() -> None:
    assert only("USER") == "1000:1000"
    assert str(POD["spec"]["securityContext"]["runAsUser"]) == only("USER").split(":")[0]
    assert json.loads(only("ENTRYPOINT")) == ["satellite"]
    assert json.loads(only("CMD")) == ["serve"]
    assert json.loads(only("HEALTHCHECK").partition(" CMD ")[2]) == ["satellite", "healthcheck"]
    assert {int(port) for port in only("EXPOSE").split()} == PORTS


def test_image_writes_to_its_volume_only() -> None:
    assert environment()["COLLECTOR_CERT_DIR"].startswith(f"{only('VOLUME')}/")
    assert f"COLLECTOR_CERT_DIR={environment()['COLLECTOR_CERT_DIR']}" in only("ENV")
    assert "PYTHONDONTWRITEBYTECODE=1" in only("ENV")


def test_everything_copied_is_there_and_in_the_context() -> None:
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    allowed = [line[1:] for line in ignored if line.startswith("!")]
    assert "*" in ignored
    copied: set[str] = set()
    for instruction, rest in INSTRUCTIONS:
        if instruction == "COPY" and not rest.startswith("--from"):
            copied |= set(rest.split()[:-1])
    assert {source.split("/")[0] for source in copied} == set(allowed)
    assert all((ROOT / source).exists() for source in copied)


def test_what_pyproject_names_is_copied() -> None:
    """The wheel's build reads these; without one it fails in the image only."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    [built] = [instructions for base, instructions in stages() if base.endswith(" AS wheel")]
    wheel = " ".join(rest for name, rest in built if name == "COPY")
    for file in (project["readme"], *project["license-files"], "pyproject.toml"):
        assert file in wheel


def test_installs_are_checked_by_hash() -> None:
    runs = [rest for _, instructions in stages() for name, rest in instructions if name == "RUN"]
    installs = [
        command
        for run in runs
        for command in run.split("&&")
        if re.search(r"pip (--python \S+ )?install", command)
    ]
    assert len(installs) == 3
    for command in installs:
        assert "--require-hashes" in command or "--no-index" in command


def test_the_build_backend_is_locked_with_all_it_needs() -> None:
    """With --require-hashes pip takes no package that is not listed; found out only where an image is built."""
    [pattern] = re.findall(r"keep = /(.+?)/ }", (ROOT / "Dockerfile").read_text())
    listed = {match[0].removesuffix("==") for match in re.finditer(pattern, LOCK, flags=re.MULTILINE)}
    assert listed == set(re.findall(r"[a-z-]{3,}", pattern))
    needed, unseen = {"hatchling"}, ["hatchling"]
    while unseen:
        for text in requires(unseen.pop()) or []:
            requirement = Requirement(text)
            wanted = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
            if wanted and requirement.name not in needed:
                needed.add(requirement.name)
                unseen.append(requirement.name)
    assert listed == needed
