"""Files through the API: what is taken, what is refused in which words, and that any size streams."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, get_args

import httpx
import pytest

from mock_lightstep_satellite.cli.files import FileFormat as CliFormat
from mock_lightstep_satellite.cli.files import ImportFormat as CliImportFormat
from mock_lightstep_satellite.client import Client
from satellite.api.files import FormatName, ImportAsked
from satellite.api.turns import Turns
from satellite.errors import Overloaded
from satellite.intake.arrivals import Arrivals
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder
from satellite.protocols.files import formats
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.query.plan import ALL
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.api.test_explorer import PRODUCTPAGE, Api
from tests.cases import case
from tests.serving import api_of, serving

NEW = "/api/v1/projects/new/import"


@pytest.fixture
def api() -> Iterator[Api]:
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1)
    yield Api(store)
    store.close()


@pytest.mark.parametrize("name", FILE_FORMATS)
def test_out_and_in_again(api: Api, name: str) -> None:
    reply = api.request("GET", "/api/v1/projects/p/export", params={"format": name, "query": PRODUCTPAGE})
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"].split(";")[0] == FILE_FORMATS[name].media_type
    for params in ({"format": name}, {}):
        taken = api.post("/api/v1/projects/again/import", params=params, content=reply.content)
        assert (taken["spans"], taken["dropped"], taken["warnings"]) == (36, {}, [])
        assert (taken["format"], taken["failed"]) == (name, 0)
    assert api.get("/api/v1/projects/again/spans", query=PRODUCTPAGE)["total"] == 36


def test_doubles_that_json_has_no_number_for_are_seen_and_stay_doubles(api: Api) -> None:
    numbers = {"nan": "NaN", "up": "Infinity", "down": "-Infinity"}
    doubles = [{"key": key, "value": {"doubleValue": name}} for key, name in numbers.items()]
    listed = {"key": "list", "value": {"arrayValue": {"values": [doubles[0]["value"], {"doubleValue": 1.5}]}}}
    event = {"timeUnixNano": "1", "name": "e", "attributes": doubles}
    ids = {"traceId": "1" * 32, "spanId": "2" * 16}
    span = ids | {
        "name": "s",
        "attributes": [*doubles, listed],
        "events": [event],
        "links": [ids | {"attributes": doubles}],
    }
    document = {"resourceSpans": [{"resource": {"attributes": doubles}, "scopeSpans": [{"spans": [span]}]}]}
    content = json.dumps(document).encode()
    for name in ("otlp-json", "otlp-protobuf", "lightstep", "jaeger-json"):
        api.post(f"/api/v1/projects/{name}/import", content=content)
        [seen] = api.get(f"/api/v1/projects/{name}/spans")["spans"]
        assert seen["tags"].items() >= numbers.items()
        assert seen["logs"][0]["fields"].items() >= numbers.items()
        assert seen["reporter"]["attributes"].items() >= numbers.items()
        if name != "jaeger-json":  # which has neither
            assert seen["tags"]["list"] == ["NaN", 1.5]
            assert seen["references"][0]["attributes"] == numbers
        for key, text in numbers.items():
            assert api.get(f"/api/v1/projects/{name}/histogram", query=f'"{key}" IN ("{text}")')["count"] == 1
        content = api.request("GET", f"/api/v1/projects/{name}/export", params={"format": name}).content
    tags = json.loads(content)["data"][0]["spans"][0]["tags"]
    assert {tag["key"]: tag["value"] for tag in tags if tag["type"] == "float64"} == numbers


def test_formats_are_those_that_exist() -> None:
    assert list(get_args(FormatName)) == list(FILE_FORMATS)
    assert [known.value for known in CliFormat] == list(FILE_FORMATS)
    assert [known.value for known in CliImportFormat] == ["auto", *FILE_FORMATS]
    assert ImportAsked.model_fields["format"].default == "auto"


@pytest.mark.parametrize(
    ("name", "spans", "format_", "found"),
    [
        ("tempo-batches.json", 2, "otlp-json", "Tempo's batches"),
        ("jaeger-ui-download.json", 2, "jaeger-json", "Jaeger's JSON"),
        ("jaeger-odd-ids.json", 2, "jaeger-json", "Jaeger's JSON"),
        ("collector-file.jsonl", 3, "otlp-json", "3 documents of OTLP JSON"),
        ("console-exporter.json", 1, "otlp-json", "console exporter"),
        ("otlp-plain.json", 1, "otlp-json", "OTLP JSON"),
        ("zipkin-plain.json", 3, "zipkin-json", "Zipkin's JSON"),
        ("lightstep-python-error.json", 1, "", "LightStep's reports as JSON"),
    ],
)
@pytest.mark.parametrize("compress", [False, True])
def test_the_file_says_what_it_is(
    api: Api, name: str, spans: int, format_: str, found: str, *, compress: bool
) -> None:
    content = gzip.compress(case(name)) if compress else case(name)
    taken = api.post(NEW, content=content)
    assert (taken["spans"], taken["format"], taken["failed"]) == (spans, format_, 0)
    assert found in taken["found"]
    assert ("gzip" in taken["found"]) == compress
    assert api.get("/api/v1/projects/new/spans")["total"] == spans


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (case("otlp-logs.json"), ["logs", '"resourceSpans"']),
        (case("otlp-metrics.json"), ["metrics", '"resourceSpans"']),
        (b'{"name": 1, "kind": "x"}', ['the keys "kind", "name"', '{"resourceSpans": …}']),
        (b'[{"name": 1}, {"name": 2}]', ['the keys "name"', "Zipkin"]),
        (b'{"resourceSpans": []}', ["OTLP JSON", "holds no spans"]),
        (b'{"data": null, "errors": [{"code": 404, "msg": "trace not found"}]}', ["trace not found"]),
        (b"", ["empty"]),
        (b"\n \n", ["empty"]),
        (b"not a file of spans\n", ["line 1", "not JSON", "'not a file of spans'"]),
        (b"\xff\xff\xff\xff\xff", ["ff ff"]),
        (b"PK\x03\x04 an archive", ["ZIP"]),
        (gzip.compress(case("zipkin-plain.json"), mtime=0)[:60], ["gzip", "cut off"]),
        (case("otlp-plain.json")[:200], ["not JSON", "line 1"]),
        (b"{ traceId: '7c1e5a90b3d24f68', name: 'x' }", ['the keys "name", "traceId"']),
        (b"{ traceId 7c1e5a90b3d24f68 }", ["not JSON", "{ traceId"]),
    ],
    ids=lambda value: str(value)[:20] if isinstance(value, list) else "",
)
def test_nothing_taken_is_an_error_that_says_why(api: Api, content: bytes, words: list[str]) -> None:
    error = api.refusal("POST", NEW, 400, content=content)
    assert error["code"] == "bad_report"
    said = f"{error['message']} {error['hint']}"
    assert all(word in said for word in words), said


@pytest.mark.parametrize("wanted", FILE_FORMATS)
def test_another_form_than_asked_for_is_refused_by_name(api: Api, wanted: str) -> None:
    for name, form in (
        ("tempo-batches.json", "otlp-json"),
        ("jaeger-ui-download.json", "jaeger-json"),
        ("zipkin-plain.json", "zipkin-json"),
    ):
        if form == wanted:
            assert api.post(NEW, params={"format": wanted}, content=case(name))["spans"] > 0
        else:
            error = api.refusal("POST", NEW, 400, params={"format": wanted}, content=case(name))
            assert f"not {wanted}; format={form} or auto" in error["message"]


def test_lines_that_cannot_be_read_are_named_and_cost_nobody_else(api: Api) -> None:
    lines = case("collector-file.jsonl").splitlines()
    broken = [
        lines[0],
        b'{"resourceSpans": [{"resource": ',
        case("otlp-logs.json").replace(b"\n", b""),
        lines[1],
        b'{"what": 1}',
        b"",
        lines[2],
    ]
    taken = api.post(NEW, content=b"\n".join(broken))
    assert (taken["spans"], taken["failed"]) == (3, 2)
    assert [text.split(":")[0] for text in taken["warnings"]] == ["line 2", "line 5", "left out"]
    assert "1 document of logs" in taken["warnings"][2]


def test_a_project_needs_a_name_that_can_be_one(api: Api) -> None:
    assert api.refusal("POST", "/api/v1/projects/a%20b/import", 400, content=b"{}")["parameter"] == "project"


def test_a_part_that_cannot_be_cut_is_bounded(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("satellite.protocols.files.json_stream.UNIT_BYTES_MAX", 1000)
    error = api.refusal("POST", NEW, 413, content=b'{"a": "' + b"x" * 2000)
    assert (error["code"], "1000 bytes" in error["message"]) == ("too_large", True)


def test_any_number_of_spans_streams(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(formats, "PIECE_SPANS", 100)
    store, arrivals = RecallStore(), Arrivals()
    builder = SpanBuilder()
    for i in range(1000):
        builder.add(
            reporter=Reporter("otlp", f"s{i % 3}"),
            operation="o",
            trace_low=1 + i % 7,
            span_id=i + 1,
            start_ns=i,
            duration_ns=1,
        )
    store.write("many", builder.build(), arrived_ns=1)
    with serving(api_of(store, arrivals)) as url, Client(url) as client:
        for name in FILE_FORMATS:
            pieces = [*client.project("many").export_stream(format=name)]
            taken = client.project(f"again-{name}").import_(iter(pieces))
            assert (taken["spans"], taken["failed"]) == (1000, 0)
            assert store.count(f"again-{name}", ALL) == 1000
        document = json.loads(client.project("many").export(format="jaeger-json"))
        assert [len({span["spanID"] for span in trace["spans"]}) for trace in document["data"]] == [
            143,
            143,
            143,
            143,
            143,
            143,
            142,
        ]
    store.close()


def test_exports_of_a_project_wait_for_each_other(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0
    release = threading.Event()
    real = FILE_FORMATS["otlp-json"].write

    def write(batches: Any) -> Iterator[bytes]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        yield from real(batches)
        release.wait(10)
        running -= 1

    slow = formats.FileFormat("otlp-json", "application/json", ".json", write)
    monkeypatch.setitem(FILE_FORMATS, "otlp-json", slow)

    async def both() -> list[int]:
        transport = httpx.ASGITransport(api.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
            asked = [asyncio.create_task(client.get("/api/v1/projects/p/export")) for _ in range(3)]
            await asyncio.to_thread(release.set)
            return [reply.status_code for reply in await asyncio.gather(*asked)]

    assert asyncio.run(both()) == [200, 200, 200]
    assert most == 1


def test_turns_come_in_order_and_patience_ends() -> None:
    asyncio.run(_turns())


async def _turns() -> None:
    turns = Turns("exports", in_all=2, patience_seconds=0.01)
    await turns.take("a")
    await turns.take("b")
    with pytest.raises(Overloaded, match="exports"):
        await turns.take("a")
    with pytest.raises(Overloaded):
        await turns.take("c")  # two at once in all
    turns.leave("b")
    async with turns.turn("c"):
        turns.leave("a")
        await turns.take("a")


def test_an_upload_may_come_in_any_portions(api: Api) -> None:
    assert asyncio.run(_upload(api, case("collector-file.jsonl")))["spans"] == 3


async def _upload(api: Api, content: bytes) -> Any:

    async def portions() -> AsyncIterator[bytes]:
        for place in range(0, len(content), 100):
            yield content[place : place + 100]

    transport = httpx.ASGITransport(api.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
        reply = await client.post(NEW, content=portions())
    return reply.json()
