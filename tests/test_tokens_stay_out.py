"""A token sent in every place of every protocol, and everything that comes out looked through for it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import grpc
import httpx
import pytest

from satellite import Satellite
from satellite.api import ROOT
from satellite.model.access_tokens import is_secret, path_without_token, without_token
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.telemetry.logs import logs_to
from tests.token_places import FILES, JSON, WAYS, Way, attributes, otlp

SPELLINGS = (
    "lightstep.access_token",
    "lightstep.accessToken",
    "LIGHTSTEP_ACCESS_TOKEN",
    "lightstep-access-token",
    "Lightstep Access Token",
    "ls.access.token",
)
REMOVED = (
    *SPELLINGS,
    "access_token",
    "accessToken",
    "Access-Token",
    "http.request.header.lightstep-access-token",
)
SECRET = "sEcretToken41aXb"
"""Each token has it inside."""
PROJECT = "shop"
UNKNOWN = f"unknown{SECRET}"
RAW_BODY = "/body"
"""End of the one path that shows what was sent byte for byte, tokens, too (docs/security.md)."""


def _token(name: str) -> str:
    return f"{name.replace('-', '').replace('.', '')}{SECRET}"


class Sent:
    """A satellite that got everything, and a client of it."""

    def __init__(self, running: Satellite, client: httpx.Client, log: io.StringIO) -> None:
        self.running = running
        self.client = client
        self.log = log
        self.paths = client.get(f"{running.url}{ROOT}/openapi.json").json()["paths"]

    def send(self, way: Way, body: bytes, token: str = "") -> tuple[bool, str]:
        """(whether it was taken, the answer)."""
        running, header = self.running, "lightstep-access-token"
        if way.content_type == "grpc":
            metadata = [(header, token)] if token else []
            with grpc.insecure_channel(running.grpc_plain_target) as channel:
                call: Any = channel.unary_unary(way.path)
                try:
                    return True, repr(call(body, timeout=60, metadata=metadata))
                except grpc.RpcError as error:
                    return False, str(error)
        headers = {header: token} if token else {}
        if way.content_type == "query":
            answer = self.client.get(f"{running.http_url}{way.path}?{body.decode()}", headers=headers)
        else:
            headers |= {"content-type": way.content_type}
            answer = self.client.post(f"{running.http_url}{way.path}", content=body, headers=headers)
        return answer.status_code < 300, f"{answer.headers} {answer.text}"

    def get(self, path: str, **parameters: str) -> str:
        """What the API says; a question may have no answer, its text counts all the same."""
        answer = self.client.get(f"{self.running.url}{path}", params=parameters)
        assert answer.status_code < 500, (path, answer.text)
        return answer.content.decode("latin-1")

    def everything(self, project: str) -> Iterator[tuple[str, str]]:
        """(where, the text) of all that the API tells of a project: each GET that there is."""
        root = f"{ROOT}/projects/{project}"
        places = {"project": [project], "name": ["checkout", "unknown_service"], "fault_id": []}
        spans = json.loads(self.get(f"{root}/spans", limit="500"))["spans"]
        places["trace_id"] = list(dict.fromkeys(span["trace_id"] for span in spans))
        places["span_id"] = list(dict.fromkeys(span["span_id"] for span in spans))
        self.client.post(f"{self.running.url}{root}/snapshots", json={"query": ""})
        kept = json.loads(self.get(f"{root}/snapshots"))["snapshots"]
        places["identifier"] = places["other"] = [one["id"] for one in kept]
        for path, methods in self.paths.items():
            if "get" not in methods or path.endswith(RAW_BODY):
                continue
            logged = json.loads(self.get(f"{root if 'project' in path else ROOT}/requests", limit="1000"))
            places["number"] = [str(one["number"]) for one in logged["requests"]]
            names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
            for place in range(max([len(places[name]) for name in names], default=1)):
                filled = {
                    name: places[name][min(place, len(places[name]) - 1)] for name in names if places[name]
                }
                if len(filled) == len(set(names)):
                    yield from self._asked(path.format(**filled))

    def _asked(self, path: str) -> Iterator[tuple[str, str]]:
        if path.endswith("/suggest"):
            yield f"{path} key", self.get(path, kind="key")
            for key in (SPELLINGS[0], REMOVED[-1], "map", "json"):
                yield f"{path} {key}", self.get(path, kind="value", key=key)
        elif path.endswith("/export"):
            for name in FILE_FORMATS:
                yield f"{path} {name}", self.get(path, format=name)
        elif path.endswith("/tail"):
            url = f"{self.running.url}{path}"
            with self.client.stream("GET", url, params={"since": "0", "format": "ndjson"}) as live:
                yield path, next(live.iter_text())
        elif path.endswith("/groups"):
            for key in ("map", SPELLINGS[0]):
                yield f"{path} {key}", self.get(path, by=f'"{key}"')
        else:
            yield path, self.get(path)


@contextmanager
def _satellite() -> Iterator[Sent]:
    """In which each way has a token of its own, all for one project."""
    log = io.StringIO()
    tokens = {_token(name): PROJECT for name in WAYS}
    with (
        logs_to(log, level="debug", format="json"),
        Satellite(access_tokens=tokens, logging_level="debug") as running,
        httpx.Client(timeout=120, trust_env=False) as client,
    ):
        yield Sent(running, client, log)


def _leaks(shown: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """What is told, by where."""
    found = {where: sorted(set(re.findall(rf"\w*{SECRET}", said))) for where, said in shown}
    return {where: tokens for where, tokens in found.items() if tokens}


def test_it_is_used_and_nothing_shows_it() -> None:
    with _satellite() as sent:
        said = dict(_reports(sent))
        said |= dict(_imports(sent))
        said |= dict(_slips(sent))
        said |= dict(_beside(sent))
        spans = sent.running.client.project(PROJECT).spans(limit=500)
        assert len(spans) > 30
        said |= dict(sent.everything(PROJECT))
        said |= {
            "diagnostics": sent.get("/diagnostics"),
            "metrics": sent.client.get(f"{sent.running.admin_url}/metrics").text,
            "page": sent.get("/"),
        }
    said["log"] = sent.log.getvalue()
    assert "report.refused" in said["log"]
    assert _leaks(said.items()) == {}


def _reports(sent: Sent) -> Iterator[tuple[str, str]]:
    """(what, the answer) of each that was sent: as the token in each spelling, in all places, unknown, cut off."""
    for name, way in WAYS.items():
        token = _token(name)
        for key in SPELLINGS:
            taken, said = sent.send(way, way.body([key], token))
            assert taken, f"{name}: {key} is the token: {said}"
            yield f"{name} {key}", said
        taken, said = sent.send(way, way.body(REMOVED, token), token)
        assert taken, f"{name}: {said}"
        yield f"{name} everywhere", said
        taken, said = sent.send(way, way.body(REMOVED, UNKNOWN), UNKNOWN)
        assert not taken, f"{name}: {said}"
        yield f"{name} unknown", said
        yield f"{name} cut off", sent.send(way, way.body(REMOVED, token)[:-7], token)[1]


def _imports(sent: Sent) -> Iterator[tuple[str, str]]:
    url = f"{sent.running.url}{ROOT}/projects/{PROJECT}/import"
    for name, body in FILES.items():
        content = body(REMOVED, f"file{UNKNOWN}")
        for part, sent_part in (("", content), ("its start", content[:-9]), ("its end", content[9:])):
            headers = {"content-type": "application/octet-stream"}
            answer = sent.client.post(url, content=sent_part, headers=headers)
            assert part or answer.status_code == 200, answer.text
            yield f"file {name} {part}", answer.text


def _slips(sent: Sent) -> Iterator[tuple[str, str]]:
    """Requests that are no reports."""
    query = f"access_token=url{UNKNOWN}&lightstep-access-token=url{UNKNOWN}"
    headers = {"lightstep-access-token": f"header{UNKNOWN}", "authorization": f"Bearer bearer{UNKNOWN}"}
    for base in (sent.running.http_url, sent.running.url, sent.running.admin_url):
        for path in ("/v1/nowhere", "/api/v2/reports"):
            for method in ("GET", "POST"):
                answer = sent.client.request(method, f"{base}{path}?{query}", headers=headers, content=b"x")
                yield f"{method} {base}{path}", f"{answer.headers} {answer.text}"
    for path in (
        f"/api/v2/reports/{SECRET}",
        f"/collector//api/v2/reports/{SECRET}/more",
        f"/v1/traces;access_token={SECRET}",
        f"/v1;x=1;access%5Ftoken={SECRET}/traces",
        f"/lightstep-access-token/{SECRET}/spans",
        f"/{SECRET}{SECRET}/v1/spans",
    ):
        for method in ("GET", "POST"):
            for base in (sent.running.http_url, sent.running.url, sent.running.admin_url):
                answer = sent.client.request(method, f"{base}{path}", content=b"x")
                yield f"{method} {base} elsewhere", answer.headers.get("location", "")
    with grpc.insecure_channel(sent.running.grpc_plain_target) as channel:
        for path in (
            f"/lightstep-access-token/{SECRET}",
            f"/x.Y/Z;access_token={SECRET}",
            f"/{SECRET}{SECRET}/Z",
        ):
            call: Any = channel.unary_unary(path)
            with pytest.raises(grpc.RpcError) as failed:
                call(b"", timeout=60)
            yield path.replace(SECRET, "…"), str(failed.value)
    xml = f'<report><access_token>xml{UNKNOWN}</access_token><tag key="lightstep.access_token" value="xml{UNKNOWN}"/></report>'
    for way in WAYS.values():
        if way.content_type not in ("query", "grpc"):
            yield f"{way.path} XML", sent.send(way, xml.encode())[1]
    named = f"lightstep-access-token=named{UNKNOWN}"
    for headers in ({"content-type": named}, {"content-type": JSON, "content-encoding": named}):
        for path in ("/v1/traces", f"/v1/{named}"):
            answer = sent.client.post(f"{sent.running.http_url}{path}", headers=headers, content=b"{}")
            yield f"{path} {headers}", answer.text


def _beside(sent: Sent) -> Iterator[tuple[str, str]]:
    """Where OTLP has texts that are no tags, and values that are none."""
    token = f"beside{UNKNOWN}"
    named = f"lightstep.access_token={token}"
    document = otlp(["stays"], "beside")
    resource = document["resourceSpans"][0]["resource"]["attributes"]
    resource[0]["value"]["stringValue"] = f"checkout {named}"
    (span,) = document["resourceSpans"][0]["scopeSpans"][0]["spans"]
    span["links"][0]["traceState"] = named
    span["attributes"] += [
        {"key": named, "value": {"intValue": "1"}},
        {"key": "x-lightstep-access-token", "value": token},
        *attributes({"args": ["--lightstep-access-token", token]}),
        *attributes({"headers": [{"name": "Lightstep-Access-Token", "value": token}]}),
    ]
    way = WAYS["otlp-json"]
    taken, said = sent.send(way, json.dumps(document).encode(), _token("otlp-json"))
    assert taken, said
    yield "beside tags", said


@pytest.mark.parametrize(
    "key", ["access_tokens", "access_token_count", "token", "github.access_token", "accession"]
)
def test_other_keys_stay(key: str) -> None:
    assert not is_secret(key)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ('{"lightstep.access_token": "abc", "b": 1}', '{"lightstep.access_token": "(removed)", "b": 1}'),
        ("{'Access-Token': 'abc'}", "{'Access-Token': '(removed)'}"),
        ('{"h":{"x-lightstep-access-token":["abc"]}}', '{"h":{"x-lightstep-access-token":["(removed)"]}}'),
        (r'{"in": "{\"access_token\": \"abc\"}"}', r'{"in": "{\"access_token\": \"(removed)\"}"}'),
        ('{"lightstep.access_token": "abc', '{"lightstep.access_token": "(removed)'),
        ("http://a/?lightstep.access_token=abc&b=1", "http://a/?lightstep.access_token=(removed)&b=1"),
        (
            "http://a/?r=b%3Flightstep_access_token%3Dabc",
            "http://a/?r=b%3Flightstep_access_token%3D(removed)",
        ),
        (
            "curl -H 'Lightstep-Access-Token: abc' http://a",
            "curl -H 'Lightstep-Access-Token: (removed)' http://a",
        ),
        ("LS_ACCESS_TOKEN=abc ./run", "LS_ACCESS_TOKEN=(removed) ./run"),
        ("./run --lightstep-access-token abc --x", "./run --lightstep-access-token (removed) --x"),
        ("http://a/?lightstep%2Eaccess%5Ftoken=abc", "http://a/?lightstep%2Eaccess%5Ftoken=(removed)"),
        ('LS_ACCESS_TOKEN="abc" ./run', 'LS_ACCESS_TOKEN="(removed)" ./run'),
        ("<lightstep.access_token>abc</x>", "<lightstep.access_token>(removed)</x>"),
        ("<a:access_token b='c'>\n<![CDATA[abc]]>", "<a:access_token b='c'>\n<![CDATA[(removed)]]>"),
        ("&lt;access_token&gt;abc&lt;/", "&lt;access_token&gt;(removed)&lt;/"),
        ('<h x="1" access_token="abc">', '<h x="1" access_token="(removed)">'),
        ('<tag key="access_token" value="abc"/>', '<tag key="access_token" value="(removed)"/>'),
        ('<tag value="abc" name="Access-Token"/>', '<tag value="(removed)" name="Access-Token"/>'),
        ("<header name='ls.access.token'>abc</header>", "<header name='ls.access.token'>(removed)</header>"),
        ("<key>access_token</key> <value>abc</value>", "<key>access_token</key> <value>(removed)</value>"),
    ],
)
def test_texts_that_tell_one(text: str, shown: str) -> None:
    assert without_token(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        '{"github.access_token": "abc"}',
        '{"access_token_count": "7", "a": "access_token"}',
        "https://github.com/?access_token=abc",
        "the lightstep access token is missing",
        "./run --lightstep-access-token --x",
        "http://a/?tools_access_token=abc",
        "<access_tokens>abc</access_tokens><access_token/><a>b</a>",
        '<tag key="github.access_token" value="abc"/>',
    ],
)
def test_texts_that_tell_none_stay(text: str) -> None:
    assert without_token(text) == text


@pytest.mark.parametrize(
    "piece",
    [
        '"',
        "\\",
        "'a",
        '"access_token":',
        "lightstep access token ",
        "lightstep",
        ' name="access_token" >',
        ">access_token</a><",
        "<a access_token=",
    ],
)
def test_reading_them_takes_no_longer_than_they_are_long(piece: str) -> None:
    """A pattern that went back and forth would need hours for one of these."""
    text = piece * (2**20 // len(piece))
    assert len(without_token(text)) >= len(text) // 2


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("/v1/traces;access_token=abc;x=1", "/v1/traces;access_token=(removed);x=1"),
        ("/v1;access_token=abc/traces", "/v1;access_token=(removed)/traces"),
        ("/lightstep-access-token/abc/spans", "/lightstep-access-token/(removed)/spans"),
        (f"/v1/{'a1' * 16}/spans?a=b", "/v1/(removed)/spans?a=b"),
        ("/lightstep-satellite-2/api/v2/reports", "/lightstep-satellite-2/api/v2/reports"),
        ("/opentelemetry.proto.collector.trace.v1.TraceService/Export",) * 2,
    ],
)
def test_paths_that_tell_one(path: str, told: str) -> None:
    assert path_without_token(path) == told
