"""docs/explorer.md: every example is run as it is written there, against a satellite with Bookinfo's spans."""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import json_format

from mock_lightstep_satellite.client import Client
from satellite.api.explorer_service import METHODS, SERVICE
from satellite.embedded import Satellite
from satellite.pb import explorer_pb2
from satellite.protocols.files.formats import FILE_FORMATS
from tests import bookinfo

TEXT = (Path(__file__).parent.parent / "docs" / "explorer.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```$", TEXT, flags=re.DOTALL | re.MULTILINE)
PYTHON = [code for language, code in BLOCKS if language == "python"]
CURL = [code for _, code in BLOCKS if code.startswith("curl ")]
GRPCURL = [code for _, code in BLOCKS if code.startswith("grpcurl ")]


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite() as satellite:
        file = b"".join(FILE_FORMATS["lightstep"].pieces([bookinfo.batch()]))
        satellite.client.project("default").import_(file, format="lightstep")
        yield satellite


def here(code: str, satellite: Satellite) -> str:
    """With the addresses of this satellite."""
    return code.replace("http://localhost:8000", satellite.url).replace(
        "localhost:8184", satellite.grpc_plain_target
    )


@pytest.mark.parametrize("code", PYTHON[1:])
def test_python(satellite: Satellite, code: str) -> None:
    known: dict[str, Any] = {}
    exec(here(PYTHON[0], satellite), known)
    client: Client = known["client"]
    with client:
        exec(code, known)


@pytest.mark.parametrize("code", CURL)
def test_curl(satellite: Satellite, code: str) -> None:
    if shutil.which("curl") is None:
        pytest.skip("no curl here")
    command = [*shlex.split(here(code, satellite)), "--fail-with-body"]
    ran = subprocess.run(command, capture_output=True, check=False)
    assert ran.returncode == 0, ran.stdout
    assert ran.stdout


@pytest.mark.parametrize("code", GRPCURL)
def test_grpcurl(satellite: Satellite, code: str) -> None:
    """With grpcurl itself where there is one; else with what it does: JSON in, JSON out, by the service's descriptor."""
    words = shlex.split(here(code, satellite))
    if shutil.which("grpcurl"):
        ran = subprocess.run(words, capture_output=True, check=False)
        assert ran.returncode == 0, ran.stderr
        return
    _, plaintext, flag, body, target, path = words
    assert (plaintext, flag) == ("-plaintext", "-d")
    service, _, name = path.partition("/")
    assert service == SERVICE
    method = explorer_pb2.DESCRIPTOR.services_by_name["Explorer"].methods_by_name[name]
    request, answer = (getattr(explorer_pb2, kind.name) for kind in (method.input_type, method.output_type))
    with grpc.insecure_channel(target) as channel:
        call = channel.unary_unary(f"/{path}", request.SerializeToString, answer.FromString)
        assert json_format.MessageToJson(call(json_format.Parse(body, request()), timeout=20))


def test_every_question_has_its_three_examples() -> None:
    """But those of docs/testing.md: fences, requests, reporters and faults."""
    assert len(PYTHON) - 1 == len(CURL) == len(GRPCURL)
    shown = {code.split()[-1].rpartition("/")[2] for code in GRPCURL}
    aside = (
        "Projects",
        "Project",
        "CreateProject",
        "Service",
        "Drop",
        "Reset",
        "Mark",
        "Import",
        "Export",
        "Tail",
        "Trace",
        "DrawDiagram",
    )
    kept = [
        method.name for method in METHODS if not method.name.endswith(("Snapshot", "Snapshots", "Stream"))
    ]
    testing = {
        name
        for name in kept
        if name.endswith(("Fence", "Request", "Requests", "RequestBody", "Reporters", "Fault", "Faults"))
    }
    assert set(kept) - shown - testing <= {*aside, "Streams", "StreamSeries", "Checks"}
