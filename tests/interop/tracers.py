"""The real LightStep clients beside Python's own: how each is started, and what it is known by.

All are programs in tests/interop (clients/, lightstep-go, lightstep-java) that understand the same commands: `checkout`
makes a trace of two spans, `at` a span with given times, `many` numbered spans, `flush` sends what is there and says
what became of it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.interop.processes import PATIENCE_S, ROOT, Tracer, environment

_STORE_PASSWORD = "changeit"  # the JVM's own for its default trust store; it guards nothing secret


@dataclass(frozen=True)
class Client:
    """One client in one of its modes."""

    name: str
    """As a test's parameter."""
    package: str
    """Where it comes from and what it is called there."""
    version: str
    transport: str
    """`gRPC` or `HTTP`."""
    protocol: str
    """The name that our protocol has for what it sends."""
    format: str
    """The same for people."""
    environment: str
    """Its folder below .interop."""
    options: dict[str, Any] = field(default_factory=dict)
    """What its program is told beside the usual."""
    text_only: bool = False
    """Whether it makes a text of every value."""
    buffers: bool = True
    """Whether it has a buffer of its own that may be full."""
    counts: bool = True
    """Whether it reports how many spans it dropped."""
    resends: bool = True
    """Whether it keeps the spans of a report that failed."""

    def start(
        self, target: str, token: str, *, ca_file: Path | None = None, period_ms: int = 0, **options: Any
    ) -> Program:
        """Its program, reporting to `host:port`; over TLS when there is a CA to trust."""
        host, _, port = target.rpartition(":")
        told = {
            "component_name": "shop",
            "access_token": token,
            "host": "localhost" if ca_file else host,
            "port": int(port),
            "tls": ca_file is not None,
            "max_spans": 1000,
            "period_ms": period_ms,
            "tags": {"pod": "shop-7d4"},
            **self.options,
            **options,
        }
        program = self.environment.removesuffix("-0.15").replace("-", "_")  # one program, two versions
        command, trust = getattr(self, f"_{program}")(told, ca_file)
        return Program(command, told, **trust)

    def _lightstep_go(self, told: dict[str, Any], ca_file: Path | None) -> tuple[list[Any], dict[str, str]]:
        told["ca_file"] = str(ca_file or "")
        trust = {"SSL_CERT_FILE": str(ca_file)} if ca_file else {}  # for 0.15, which has no setting for it
        return [installed(self.environment) / self.environment], trust

    def _lightstep_java(self, told: dict[str, Any], ca_file: Path | None) -> tuple[list[Any], dict[str, str]]:
        trust = []
        if ca_file is not None:
            trust += [f"-Djavax.net.ssl.trustStore={trust_store(ca_file)}"]
            trust += [f"-Djavax.net.ssl.trustStorePassword={_STORE_PASSWORD}"]
        return java(installed(self.environment), *trust), {}

    def _lightstep_js(self, told: dict[str, Any], ca_file: Path | None) -> tuple[list[Any], dict[str, str]]:
        trust = {"NODE_EXTRA_CA_CERTS": str(ca_file)} if ca_file else {}
        modules = str(installed(self.environment) / "node_modules")
        return ["node", ROOT / "tests/interop/clients/lightstep_js.js"], {"NODE_PATH": modules, **trust}

    def _lightstep_python(
        self, told: dict[str, Any], ca_file: Path | None
    ) -> tuple[list[Any], dict[str, str]]:
        trust = {"SSL_CERT_FILE": str(ca_file)} if ca_file else {}
        python = installed(self.environment) / "bin/python"
        return [python, "-W", "ignore", ROOT / "tests/interop/clients/lightstep_python_thrift.py"], trust

    def _lightstep_streaming(
        self, told: dict[str, Any], ca_file: Path | None
    ) -> tuple[list[Any], dict[str, str]]:
        assert ca_file is None, "it has no TLS"
        python = installed(self.environment) / "bin/python"
        return [python, ROOT / "tests/interop/clients/lightstep_streamed.py"], {}


class Program(Tracer):
    """A client's process, told what to do line by line."""

    def __init__(self, command: list[Any], told: dict[str, Any] | None, **more: str) -> None:
        """`told` goes to its stdin, where nobody else reads it, unless `more`, its environment, says all."""
        self._errors = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by `__exit__`
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env=environment(**more),
        )
        if told is not None:
            assert self._process.stdin is not None
            self._process.stdin.write(json.dumps(told) + "\n")
            self._process.stdin.flush()

    @property
    def said(self) -> str:
        """What it wrote to stderr so far."""
        return self._said()


def installed(name: str) -> Path:
    """The folder .interop/<name>, which `make interop` fills; skips the test where its toolchain is missing."""
    folder = ROOT / ".interop" / name
    if not (folder / ".installed").exists():
        for note in (folder.with_suffix(".missing"), folder.with_suffix(".unreachable")):
            if note.exists():
                pytest.skip(note.read_text().strip() or f"the registry of {name} was not reachable")
        pytest.fail(f"there is no {folder.relative_to(ROOT)}: `make interop` makes it", pytrace=False)
    return folder


def java(folder: Path, *options: str) -> list[Any]:
    """The command for the Program in a folder of .interop that was made from a pom.xml."""
    sooner = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC")  # so they start
    return ["java", *sooner, *options, "-cp", f"{folder}/classes:{folder}/lib/*", "Program"]


def trust_store(ca_file: Path) -> Path:
    """A trust store for the JVM beside the CA, holding nothing else."""
    store = ca_file.with_name("truststore.p12")
    if not store.exists():
        keytool = shutil.which("keytool")
        assert keytool, "a JVM without its keytool"
        arguments = ["-importcert", "-noprompt", "-alias", "satellite", "-storetype", "PKCS12"]
        made = store.with_suffix(".new")
        subprocess.run(
            [keytool, *arguments, "-storepass", _STORE_PASSWORD, "-file", ca_file, "-keystore", made],
            check=True,
            capture_output=True,
            timeout=PATIENCE_S,
        )
        made.replace(store)
    return store


def target(url: str) -> str:
    """`host:port` of a URL."""
    return urlsplit(url).netloc


_GO = Client(
    "go-grpc",
    package="Go github.com/lightstep/lightstep-tracer-go",
    version="0.26.0",
    transport="gRPC",
    protocol="lightstep",
    format="LightStep protobuf",
    environment="lightstep-go",
    options={"transport": "grpc"},
)
_JAVA = Client(
    "java-grpc",
    package="Maven com.lightstep.tracer:lightstep-tracer-jre",
    version="0.32.0",
    transport="gRPC",
    protocol="lightstep",
    format="LightStep protobuf",
    environment="lightstep-java",
    options={"transport": "grpc", "drop_on_failure": False},
)
_JS = Client(
    "js-proto",
    package="npm lightstep-tracer",
    version="0.35.0",
    transport="HTTP",
    protocol="lightstep",
    format="LightStep protobuf",
    environment="lightstep-js",
    options={"client": "lightstep-tracer", "transport": "proto"},
    text_only=True,
    counts=False,  # its samples have neither name nor value
)
_EXPORTER = Client(
    "js-exporter",
    package="npm lightstep-opentelemetry-exporter",
    version="0.2.1",
    transport="HTTP",
    protocol="lightstep_json",
    format="LightStep protobuf as JSON",
    environment="lightstep-js",
    options={"client": "lightstep-opentelemetry-exporter"},
    buffers=False,
    resends=False,
)
_PYTHON = Client(
    "python-thrift",
    package="PyPI lightstep",
    version="4.4.8",
    transport="HTTP",
    protocol="lightstep_thrift",
    format="Thrift binary",
    environment="lightstep-python",
    text_only=True,
    counts=False,
)
CLIENTS = [
    _GO,
    replace(_GO, name="go-http", transport="HTTP", options={"transport": "http"}),
    # Over TLS it knows HTTP/2 only.
    replace(
        _GO,
        name="go-0.15-http",
        version="0.15.6",
        transport="HTTP",
        environment="lightstep-go-0.15",
        options={"transport": "http"},
    ),
    _JAVA,
    replace(_JAVA, name="java-http", transport="HTTP", options=_JAVA.options | {"transport": "http"}),
    _JS,
    replace(
        _JS,
        name="js-thrift",
        protocol="lightstep_thrift_json",
        format="Thrift as JSON",
        options=_JS.options | {"transport": "thrift"},
        counts=True,
    ),
    _EXPORTER,
    _PYTHON,
]
STREAMING = Client(
    "python-streaming",
    package="PyPI lightstep-streaming",
    version="0.14.0",
    transport="HTTP, streamed",
    protocol="lightstep",
    format="LightStep protobuf",
    environment="lightstep-streaming",
    resends=False,
)
"""Only over plain connections, and with no `flush`."""
