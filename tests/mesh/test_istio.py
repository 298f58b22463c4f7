from __future__ import annotations

import json
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from satellite.cli.istio import istio
from satellite.errors import BadRequest
from satellite.mesh.istio import (
    GENERATIONS,
    Generation,
    banner,
    generation_for,
    generation_named,
    settings_for,
    traps_of,
)
from satellite.mesh.target import CA_FILE

EVERY = pytest.mark.parametrize("generation", GENERATIONS, ids=lambda generation: generation.name)


def documents(text: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all(text))


def settings(name: str, *, plain: bool = False, address: str = "", token: str = "a-token") -> dict[str, Any]:
    text = settings_for(generation_named(name), plain=plain, address=address, token=token)
    return documents(text)[0]


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("1.1", "helm-values"),
        ("1.5.10", "helm-values"),
        ("1.6", "tls-settings"),
        ("v1.8.2", "tls-settings"),
        ("1.9", "tls-settings"),
        ("1.10", "mesh-config"),
        ("1.14.6", "mesh-config"),
        ("1.16", "lightstep-provider"),
        ("1.23", "lightstep-provider"),
        ("1.24", "opentelemetry"),
        ("1.27-alpha.1", "opentelemetry"),
        ("1.31", "opentelemetry"),
    ],
)
def test_generation_of_a_version(version: str, name: str) -> None:
    assert generation_for(version).name == name


@pytest.mark.parametrize(
    ("version", "message"),
    [
        ("1.0", "no LightStep support"),
        ("0.8", "no LightStep support"),
        ("2.0", "no LightStep support"),
        ("1.15", "cannot report"),
        ("1.15.3", "cannot report"),
        ("one", "not a version"),
        ("1", "not a version"),
        ("", "not a version"),
    ],
)
def test_versions_that_have_none(version: str, message: str) -> None:
    with pytest.raises(BadRequest, match=message) as caught:
        generation_for(version)
    assert caught.value.hint


def test_unknown_generation_names_those_there_are() -> None:
    with pytest.raises(BadRequest) as caught:
        generation_named("helm")
    assert all(generation.name in str(caught.value.hint) for generation in GENERATIONS)


@EVERY
@pytest.mark.parametrize("plain", [False, True])
@pytest.mark.parametrize("token", ["a-token", 'a"b: {{c}} #d\n', "yes", "007"])
def test_the_text_is_yaml_whatever_the_token(generation: Generation, plain: bool, token: str) -> None:
    text = settings_for(generation, address="satellite.example:4711", token=token, plain=plain)
    found = documents(text)
    assert all(isinstance(document, dict) for document in found)
    values = strings_in(found)
    assert token in values
    assert "satellite.example:4711" in values or {"satellite.example", 4711} <= values
    if plain:
        assert CA_FILE not in text
        assert "lightstep.cacert" not in text


def strings_in(value: object) -> set[object]:
    if isinstance(value, dict):
        return strings_in(list(value.values()))
    if isinstance(value, list):
        return set[object]().union(*(strings_in(item) for item in value))
    return {value}


@EVERY
def test_traps_are_in_the_text(generation: Generation) -> None:
    text = " ".join(line.removeprefix("#").strip() for line in settings_for(generation).splitlines())
    assert traps_of(generation)
    for trap in traps_of(generation):
        assert trap in text


@EVERY
def test_comment_lines_fit_a_screen(generation: Generation) -> None:
    lines = settings_for(generation).splitlines()
    assert max(len(line) for line in lines) <= 110
    assert all(line == line.rstrip() for line in lines)


def test_helm_values() -> None:
    assert settings("helm-values") == {
        "global": {
            "proxy": {"tracer": "lightstep"},
            "tracer": {
                "lightstep": {
                    "address": "lightstep-satellite.lightstep:9292",
                    "accessToken": "a-token",
                    "secure": True,
                    "cacertPath": "/etc/lightstep/cacert.pem",
                }
            },
        },
        "pilot": {"traceSampling": 100},
    }
    plain = settings("helm-values", plain=True)["global"]["tracer"]["lightstep"]
    assert plain == {
        "address": "lightstep-satellite.lightstep:8184",
        "accessToken": "a-token",
        "secure": False,
    }


def test_tls_settings() -> None:
    spec = settings("tls-settings")["spec"]
    assert spec["values"]["global"] == {
        "proxy": {"tracer": "lightstep"},
        "tracer": {"lightstep": {"address": "lightstep-satellite.lightstep:9292", "accessToken": "a-token"}},
    }
    tls = {"mode": "SIMPLE", "caCertificates": "/etc/lightstep/cacert.pem"}
    assert spec["meshConfig"]["defaultConfig"]["tracing"] == {"sampling": 100, "tlsSettings": tls}


def test_mesh_config() -> None:
    spec = settings("mesh-config")["spec"]
    assert spec["values"]["global"]["proxy"]["tracer"] == "lightstep"
    assert spec["meshConfig"]["defaultConfig"]["tracing"] == {
        "sampling": 100,
        "lightstep": {"address": "lightstep-satellite.lightstep:9292", "accessToken": "a-token"},
        "tlsSettings": {"mode": "SIMPLE", "caCertificates": "/etc/lightstep/cacert.pem"},
    }


@pytest.mark.parametrize("name", ["tls-settings", "mesh-config"])
def test_gateways_get_the_ca_by_an_overlay(name: str) -> None:
    [gateway] = settings(name)["spec"]["components"]["ingressGateways"]
    [overlay] = gateway["k8s"]["overlays"]
    mount, volume = (yaml.safe_load(patch["value"]) for patch in overlay["patches"])
    assert mount == {"name": "lightstep-certs", "mountPath": "/etc/lightstep", "readOnly": True}
    secret = {"secretName": "lightstep.cacert", "optional": True}
    assert volume == {"name": "lightstep-certs", "secret": secret}
    assert "components" not in settings(name, plain=True)["spec"]


def test_the_ca_file_may_be_elsewhere() -> None:
    text = settings_for(generation_named("mesh-config"), ca_file="/etc/other/ca.pem")
    spec = documents(text)[0]["spec"]
    assert (
        spec["meshConfig"]["defaultConfig"]["tracing"]["tlsSettings"]["caCertificates"] == "/etc/other/ca.pem"
    )
    patches = spec["components"]["ingressGateways"][0]["k8s"]["overlays"][0]["patches"]
    assert yaml.safe_load(patches[0]["value"])["mountPath"] == "/etc/other"


@pytest.mark.parametrize("name", ["lightstep-provider", "opentelemetry"])
def test_providers(name: str) -> None:
    operator, telemetry, rule = documents(settings_for(generation_named(name), token="a-token"))
    [provider] = operator["spec"]["meshConfig"]["extensionProviders"]
    [kind] = set(provider) - {"name"}
    assert kind == {"lightstep-provider": "lightstep"}.get(name, name)
    assert provider[kind]["service"] == "lightstep-satellite.lightstep.svc.cluster.local"
    assert provider[kind]["port"] == 9292
    if name == "opentelemetry":
        [metadata] = provider[kind]["grpc"]["initialMetadata"]
        assert metadata == {"name": "lightstep-access-token", "value": "a-token"}
    else:
        assert provider[kind]["accessToken"] == "a-token"
    [tracing] = telemetry["spec"]["tracing"]
    assert tracing == {"providers": [{"name": provider["name"]}], "randomSamplingPercentage": 100}
    assert telemetry["metadata"]["namespace"] == "istio-system"
    assert rule["spec"]["host"] == provider[kind]["service"]
    [port] = rule["spec"]["trafficPolicy"]["portLevelSettings"]
    assert port["port"]["number"] == 9292
    assert port["tls"]["mode"] == "SIMPLE"


@pytest.mark.parametrize("name", ["lightstep-provider", "opentelemetry"])
def test_a_plain_provider_needs_no_rule(name: str) -> None:
    operator, telemetry = documents(settings_for(generation_named(name), plain=True))
    [provider] = operator["spec"]["meshConfig"]["extensionProviders"]
    [target] = (value for key, value in provider.items() if key != "name")
    assert target["port"] == 8184
    assert telemetry["kind"] == "Telemetry"


@pytest.mark.parametrize(
    "address", ["satellite", "satellite:", ":9292", "https://satellite:9292", "a b:1", "a:b"]
)
def test_addresses_that_are_none(address: str) -> None:
    with pytest.raises(BadRequest, match="not an address"):
        settings_for(GENERATIONS[0], address=address)


def test_a_token_is_needed() -> None:
    with pytest.raises(BadRequest, match="needs an access token"):
        settings_for(GENERATIONS[0], token="")


def test_banner_is_short_and_says_where_to_go_on() -> None:
    text = banner(address="satellite.example:9292", token="default")
    assert len(text.splitlines()) <= 5
    assert "satellite.example:9292" in text
    assert "satellite istio" in text
    assert "satellite cert secret" in text
    told = banner(address="satellite.example:9292", cert_options="--dir certs")
    assert "satellite cert secret --dir certs --namespace default |" in told


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.command()(istio)
    return CliRunner().invoke(app, list(arguments))


def test_command_prints_all_generations() -> None:
    result = run()
    assert result.exit_code == 0
    assert len(documents(result.stdout)) == 3 + 3 + 3
    assert all(generation.title in result.stdout for generation in GENERATIONS)


def test_command_chooses_by_version_or_name() -> None:
    by_version = run("--version", "1.8", "--address", "10.0.0.1:1234", "--token", "mine", "--plain")
    by_name = run("--generation", "tls-settings", "--address", "10.0.0.1:1234", "--token", "mine", "--plain")
    assert by_version.stdout == by_name.stdout
    [document] = documents(by_version.stdout)
    lightstep = document["spec"]["values"]["global"]["tracer"]["lightstep"]
    assert lightstep == {"address": "10.0.0.1:1234", "accessToken": "mine"}


def test_command_as_json() -> None:
    result = run("--version", "1.12", "--format", "json")
    [entry] = json.loads(result.stdout)
    assert entry["generation"] == "mesh-config"
    assert entry["istio"] == "1.10 to 1.14"
    assert entry["protocol"] == "lightstep"
    assert len(entry["traps"]) > 3
    assert documents(entry["settings"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["--version", "1.15"],
        ["--generation", "none"],
        ["--generation", "mesh-config", "--version", "1.12"],
        ["--address", "nowhere"],
        ["--format", "xml"],
    ],
)
def test_command_refuses(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize("version", ["1.1", "1.5", "1.8", "1.12", "1.16", "1.22", "1.26"])
@pytest.mark.parametrize("plain", [False, True])
def test_each_part_holds_what_its_program_takes(version: str, *, plain: bool) -> None:
    more = ("--plain",) if plain else ()
    whole = list(yaml.safe_load_all(run("--version", version, *more).stdout))
    values = list(yaml.safe_load_all(run("--version", version, "--part", "istioctl", *more).stdout))
    assert values == whole[:1]
    assert values[0].get("kind", "IstioOperator") == "IstioOperator"
    result = run("--version", version, "--part", "kubectl", *more)
    if len(whole) == 1:
        assert result.exit_code == 2
        assert "nothing for kubectl" in " ".join(result.stderr.replace("│", " ").split())
    else:
        documents = list(yaml.safe_load_all(result.stdout))
        assert documents == whole[1:]
        assert all(
            "istio.io/" in document["apiVersion"] and document["kind"] != "IstioOperator"
            for document in documents
        )


def test_a_part_is_of_one_generation() -> None:
    assert run("--part", "kubectl").exit_code == 2
    assert run("--part", "kubectl", "--version", "1.20", "--format", "json").exit_code == 2
