"""The command: help, errors and exit codes, `serve` as a process, `healthcheck`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from mock_lightstep_satellite import cli
from mock_lightstep_satellite.errors import Unreachable
from satellite.api.operations import Listener
from satellite.app import App
from satellite.cli.serve import show
from satellite.errors import BadQuery, NotFound, SatelliteError, StoreFailed
from satellite.settings import SECOND_PORTS, load

COMMAND = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()"]
OFF = [
    f"--set={setting}=0"
    for setting in (
        "grpc_secure_port",
        "http_secure_port",
        "http_plain_port",
        *SECOND_PORTS,
        "admin_secure_port",
    )
]


def test_help_names_every_verb_and_imports_little() -> None:
    code = (
        "import sys, mock_lightstep_satellite.cli as cli; sys.argv = ['satellite', '--help']\n"
        "try: cli.main()\n"
        "except SystemExit: print({'pyarrow', 'grpc', 'numpy', 'fastapi', 'pydantic'} & set(sys.modules))"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for verb in cli.VERBS:
        assert verb.name in output
    assert output.rstrip().endswith("set()")


@pytest.mark.parametrize("verb", cli.VERBS, ids=lambda verb: verb.name)
def test_each_verb_exists_and_has_help(verb: cli.Verb) -> None:
    found = getattr(import_module(f"{verb.package}.{verb.module}"), verb.attribute)
    assert isinstance(found, typer.Typer) or callable(found)
    result = CliRunner().invoke(cli.app, [verb.name, "--help"])
    assert result.exit_code == 0
    assert "Usage" in result.output


def test_an_unknown_verb_is_a_usage_error() -> None:
    assert CliRunner().invoke(cli.app, ["sreve"]).exit_code == 2


def test_version() -> None:
    assert re.fullmatch(r"\d+\.\d+.*\n", CliRunner().invoke(cli.app, ["--version"]).output)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("no"), 1),
        (BadQuery("no"), 2),
        (StoreFailed("no"), 3),
        (Unreachable("no", hint="start it"), 3),
    ],
)
def test_errors_are_one_line_a_hint_and_an_exit_code(
    error: SatelliteError, code: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit) as caught:
        cli.main()
    assert caught.value.code == code
    hint = "hint: start it\n" if error.hint else ""
    assert capsys.readouterr().err == f"satellite: no\n{hint}"


@pytest.mark.interop
def test_serve_and_healthcheck_as_processes(tmp_path: Path) -> None:
    environ = {name: value for name, value in os.environ.items() if not name.startswith("COLLECTOR_")}
    own = [*COMMAND, "serve", f"--cert-dir={tmp_path}", "--host=127.0.0.1", *OFF]
    own += ["--grpc-plain-port=free", "--explorer-port=free"]
    with subprocess.Popen(
        [*own, "--set=admin_plain_port=free"],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environ,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        started = json.loads(process.stderr.readline())
        assert started["event"] == "satellite.started"
        admin = started["listeners"]["admin_plain_port"].rpartition(":")[2]
        check = [*COMMAND, "healthcheck", "--host=127.0.0.1", f"--set=admin_plain_port={admin}"]
        answer = subprocess.run(check, capture_output=True, text=True, env=environ, check=False)
        assert (answer.returncode, answer.stdout) == (0, "ready\n")
        second = subprocess.run(
            [*own, f"--set=admin_plain_port={admin}"],
            capture_output=True,
            text=True,
            env=environ,
            check=False,
        )
        assert second.returncode == 1
        assert f"127.0.0.1:{admin} (admin_plain_port)" in second.stderr
        assert "hint: " in second.stderr
        assert "Traceback" not in second.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert '"satellite.stopped"' in process.stderr.read()
        assert process.stdout.read() == ""
    answer = subprocess.run(check, capture_output=True, text=True, env=environ, check=False)
    assert answer.returncode == 1
    assert admin in answer.stderr


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.path == "/_ready"
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"so it is\n")

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1), (404, 1)])
def test_healthcheck_asks_the_admin_port(status: int, code: int, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(status) as port:
        monkeypatch.setenv("COLLECTOR_ADMIN_PLAIN_PORT", str(port))
        assert CliRunner().invoke(cli.app, ["healthcheck"]).exit_code == code


def test_healthcheck_without_an_admin_port() -> None:
    flags = ["--set=admin_plain_port=0", "--set=admin_secure_port=0"]
    assert CliRunner().invoke(cli.app, ["healthcheck", *flags]).exit_code == 2


def test_the_screen_shows_where_everything_is(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    loaded = load({"cert_dir": Path("certs")}, {})
    app = App(loaded)
    app.listeners = [
        Listener("grpc_secure_port", "reports over gRPC", "0.0.0.0:9292", 9292, tls=True),
        Listener("explorer_port", "Explorer and its API", "0.0.0.0:8000", 8000, tls=False),
    ]
    show(app, loaded.settings)
    screen = capsys.readouterr().out
    assert max(map(len, screen.splitlines())) <= 80
    for text in (
        "localhost:9292",
        "TLS",
        "http://localhost:8000/",
        "satellite demo",
        "Istio",
        ":9292",
        "Ctrl-C",
    ):
        assert text in screen
