"""`satellite cert`: what it prints, writes and refuses."""

from __future__ import annotations

import base64
import json
import os
import ssl
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import trustme
import yaml
from rich.console import Console
from typer.testing import CliRunner, Result

from satellite import Satellite
from satellite.cli import cert
from satellite.cli.cert import app
from satellite.edges.described import Certificate
from tests.serving import silent_url


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("COLLECTOR_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "200")


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "200"})
    assert result.exit_code == exit_code, result.output
    assert "PRIVATE KEY" not in result.output
    return result


def shown(*arguments: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run(*arguments, "--format", "json").stdout)
    return answer


def test_a_fingerprint_is_shown_as_it_is() -> None:
    """Rich would make emoji of :AB: and its like."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    sha256 = ":AB:CD:ID:OK:"
    shown = Certificate(
        role="ca",
        subject="s",
        issuer="i",
        names=(),
        not_before=moment,
        not_after=moment,
        sha256=sha256,
        source="made",
        file="f",
    )
    console = Console(width=120)
    with console.capture() as captured:
        console.print(cert._table(shown))
    assert sha256 in captured.get()


def write_own(prefix: Path, *, root: bool = True) -> bytes:
    ca = trustme.CA()
    issued = ca.issue_cert("own.example")
    bundle = issued.cert_chain_pems[0].bytes() + (ca.cert_pem.bytes() if root else b"")
    Path(f"{prefix}.bundle.pem").write_bytes(bundle)
    Path(f"{prefix}.key.pem").write_bytes(issued.private_key_pem.bytes())
    return ca.cert_pem.bytes()


def test_make_and_show(tmp_path: Path) -> None:
    folder = tmp_path / "certs"
    made = shown("make", "--dir", folder, "--san", "one.example", "--san", "10.0.0.7")
    assert [certificate["role"] for certificate in made["certificates"]] == ["server", "ca"]
    assert {"one.example", "10.0.0.7", "localhost"} <= set(made["certificates"][0]["names"])
    assert made["warnings"] == []
    assert shown("make", "--dir", folder) == shown("show", "--dir", folder) == made
    table = run("show", "--dir", folder).stdout
    for certificate in made["certificates"]:
        assert certificate["sha256"] in table
        assert certificate["file"] in table
    assert "one.example" in table
    assert (folder / "server.key.pem").stat().st_mode & 0o777 == 0o600


def test_make_force_renews_the_server_certificate_only(tmp_path: Path) -> None:
    server, ca = shown("make", "--dir", tmp_path, "--san", "old.example")["certificates"]
    renewed, same = shown("make", "--dir", tmp_path, "--force")["certificates"]
    assert same == ca
    assert renewed["sha256"] != server["sha256"]
    assert "old.example" not in renewed["names"]


def test_show_makes_nothing(tmp_path: Path) -> None:
    result = run("show", "--dir", tmp_path, exit_code=1)
    assert result.stderr.startswith(f"error: nothing to serve in {tmp_path}")
    assert "hint: `satellite cert make`" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_export(tmp_path: Path) -> None:
    folder, file = tmp_path / "certs", tmp_path / "out.pem"
    run("make", "--dir", folder)
    pem = run("export", "--dir", folder).stdout
    assert pem == (folder / "ca.pem").read_text()
    assert ssl.create_default_context(cadata=pem).get_ca_certs()
    assert run("export", "--dir", folder, "--output", file).stdout == ""
    assert file.read_text() == pem
    assert "cannot be written" in run("export", "--dir", folder, "-o", tmp_path, exit_code=1).stderr


def test_secret_for_each_namespace(tmp_path: Path) -> None:
    run("make", "--dir", tmp_path)
    pem = run("export", "--dir", tmp_path).stdout
    (secret,) = yaml.safe_load_all(run("secret", "--dir", tmp_path).stdout)
    assert secret["metadata"] == {
        "name": "lightstep.cacert",
        "namespace": "default",
        "labels": {"app": "lightstep"},
    }
    assert base64.b64decode(secret["data"]["cacert.pem"], validate=True).decode() == pem
    arguments = ("--namespace", "bookinfo", "-n", "istio-system", "-n", "bookinfo")
    documents = list(yaml.safe_load_all(run("secret", "--dir", tmp_path, *arguments).stdout))
    assert [document["metadata"]["namespace"] for document in documents] == ["bookinfo", "istio-system"]
    assert "not a Kubernetes namespace" in run("secret", "--dir", tmp_path, "-n", "A B", exit_code=1).stderr


@pytest.mark.parametrize("command", ["export", "secret"])
def test_a_ca_is_handed_out_and_never_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    with silent_url() as url:
        monkeypatch.setattr(cert, "DEFAULT_URL", url)
        said = run(command, exit_code=3).stderr
        assert f"no satellite answers at {url}" in said
        assert all(word in said for word in ("--from-url", "--dir", "kubectl"))
        assert "no satellite answers" in run(command, "--from-url", url, exit_code=3).stderr
        assert "there is no CA certificate" in run(command, "--dir", tmp_path / "none", exit_code=1).stderr
        # A CA that lies in the home folder may be another satellite's; one that the settings name is this one's.
        run("make")
        assert "no satellite answers" in run(command, exit_code=3).stderr
        monkeypatch.setenv("COLLECTOR_CERT_DIR", str(tmp_path / "state/mock-lightstep-satellite/certs"))
        assert run(command).stdout
        monkeypatch.setenv("COLLECTOR_CERT_DIR", str(tmp_path / "none"))
        assert "there is no CA certificate" in run(command, exit_code=1).stderr
    assert not (tmp_path / "none").exists()


def test_the_ca_is_that_of_the_satellite_that_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run("make", "--dir", tmp_path / "other")
    with Satellite() as running:
        assert running.ca_file is not None
        pem = running.ca_file.read_text()
        assert run("export", "--from-url", running.url).stdout == pem
        assert run("export", "--from-url", f"{running.url}/ca.pem").stdout == pem
        monkeypatch.setenv("SATELLITE_URL", running.url)
        monkeypatch.setenv("COLLECTOR_CERT_DIR", str(tmp_path / "other"))
        assert run("export").stdout == pem
        assert run("export", "--dir", tmp_path / "other").stdout == (tmp_path / "other/ca.pem").read_text()
        (secret,) = yaml.safe_load_all(run("secret").stdout)
        assert base64.b64decode(secret["data"]["cacert.pem"]).decode() == pem
        assert (
            "not as a satellite does" in run("export", "--from-url", f"{running.url}/api", exit_code=3).stderr
        )


def test_folder_and_names_of_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    server = shown("make")["certificates"][0]
    assert server["file"] == str(tmp_path / "state/mock-lightstep-satellite/certs/server.bundle.pem")
    config = tmp_path / "satellite.yaml"
    config.write_text(yaml.safe_dump({"cert_dir": str(tmp_path / "from-file")}))
    monkeypatch.setenv("COLLECTOR_CERT_DIR", str(tmp_path / "from-environment"))
    monkeypatch.setenv("COLLECTOR_SAN", "a.example,b.example")
    server = shown("make")["certificates"][0]
    assert server["file"] == str(tmp_path / "from-environment/server.bundle.pem")
    assert {"a.example", "b.example"} <= set(server["names"])
    server = shown("make", "--collector-base-config", config)["certificates"][0]
    assert server["file"] == str(tmp_path / "from-file/server.bundle.pem")


def test_bad_name_and_bad_folder(tmp_path: Path) -> None:
    bad = run("make", "--dir", tmp_path, "--san", "https://a.example", exit_code=1)
    assert "neither a DNS name nor an IP address" in bad.stderr
    (tmp_path / "file").touch()
    assert "cannot be written to" in run("make", "--dir", tmp_path / "file", exit_code=1).stderr


def test_own_certificates(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prefix = tmp_path / "own"
    ca_pem = write_own(prefix)
    assert run("export", "--prefix", prefix).stdout_bytes == ca_pem
    monkeypatch.setenv("COLLECTOR_TLS_CERT_PREFIX", str(prefix))
    certificates = shown("show")["certificates"]
    assert [(one["role"], one["source"]) for one in certificates] == [("server", "own"), ("ca", "own")]
    # A folder named on the command line beats the environment's prefix.
    assert "served instead" in run("make", "--dir", tmp_path / "certs").stderr
    assert run("export", "--dir", tmp_path / "certs").stdout_bytes != ca_pem
    write_own(prefix, root=False)
    assert "does not bring its CA" in run("secret", exit_code=1).stderr
    (tmp_path / "own.key.pem").unlink()
    assert "own.key.pem is missing" in run("show", exit_code=1).stderr
