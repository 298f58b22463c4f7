"""What holds for every decoder whatever it is given, and the payloads to begin from.

`SUBJECTS` names everything that reads bytes of strangers; `Subject.check` raises when one of the properties is broken.
`test_corpus.py` calls it with every payload file and with mutations of them, `tests/fuzz` with what a coverage-guided
fuzzer comes up with. Payload files are `data/<folder>/*`: `.hex` is hexadecimal text, all else the bytes themselves.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice
from pathlib import Path

import msgspec

from satellite.edges.http2 import PREFACE, Connection, Limits
from satellite.edges.http2.connection import WORK_MAX
from satellite.edges.http2.frames import HEADER_BYTES, SETTINGS, frame, head_of
from satellite.errors import (
    AccessDenied,
    BadQuery,
    BadReport,
    Overloaded,
    SatelliteError,
    StoreFailed,
    TooLarge,
)
from satellite.model.report import Decoded, Receipt, Report
from satellite.model.spans import SpanBatch
from satellite.model.tag import json_form
from satellite.protocols.datadog import traces as datadog
from satellite.protocols.files.formats import FILE_FORMATS
from satellite.protocols.files.reading import Body, FileReader
from satellite.protocols.jaeger import batches as jaeger
from satellite.protocols.jaeger import json as jaeger_json
from satellite.protocols.lightstep import json as lightstep_json
from satellite.protocols.lightstep import metrics as tracer_metrics
from satellite.protocols.lightstep import protobuf as lightstep
from satellite.protocols.lightstep import thrift as lightstep_thrift
from satellite.protocols.lightstep import thrift_json as lightstep_thrift_json
from satellite.protocols.lightstep.stream import ReportSplitter
from satellite.protocols.otlp import protobuf as otlp
from satellite.protocols.otlp import signals as otlp_signals
from satellite.protocols.readers.compression import gunzip
from satellite.protocols.wire import RequestHead, WireProtocol
from satellite.protocols.zipkin import v2 as zipkin
from satellite.query import parse
from satellite.store.recall.engine import RecallStore

DATA = Path(__file__).parent / "data"
NOW_NS = 1_700_000_001_000_000_000
_INFLATED_BYTES_MAX = 2**20
_FIELD_BYTES_MAX = 2**16
_STORE = RecallStore()


@cache
def payload(path: Path) -> bytes:
    """The bytes that a payload file stands for."""
    content = path.read_bytes()
    if path.suffix == ".hex":
        return bytes.fromhex(content.decode())
    if (
        path.parent.name == "datadog" and path.suffix == ".json"
    ):  # kept readable; its clients send MessagePack
        return msgspec.msgpack.encode(json.loads(content))
    return content


@cache
def payload_files(folder: str) -> list[Path]:
    """Those of one folder, by name."""
    return sorted((DATA / folder).iterdir())


@dataclass(frozen=True)
class Subject:
    """Something that reads what strangers send."""

    folder: str
    """Of its payload files, and of what the fuzzer finds."""
    check: Callable[[bytes], None]
    """Raises when these bytes break it."""


@dataclass(frozen=True)
class Codec:
    """A decoder, and a payload that it understands in full."""

    protocol: WireProtocol
    folder: str
    good_file: str

    @property
    def good(self) -> bytes:
        """The neighbour that nothing may harm."""
        return payload(DATA / self.folder / self.good_file)

    def check(self, body: bytes) -> None:
        """Decode a body alone and between good ones; store, answer and write out what came of it."""
        good = self.good
        first, between, last = _outcomes(self.protocol.decode([good, body, good], NOW_NS))
        assert first == last == _good_outcome(self.protocol, good), "a neighbour was harmed"
        decoded = self.protocol.decode([body], NOW_NS)
        [alone] = _outcomes(decoded)
        assert between == alone, "a neighbour changed what this body means"
        _answer(self.protocol, decoded.reports[0])
        if isinstance(alone, _Said):
            _store(decoded)
        if decoded.batch:
            _reshape(decoded.batch)
            _write_out(decoded.batch)

    def check_all(self, bodies: Iterable[bytes]) -> None:
        """The same of many bodies: each decoded alone; those that are reports, and those that are none, decoded together between good ones; what
        came of the reports stored, written out and so on in one go."""
        for some in _portions(bodies, 40):
            try:
                self._check_together(some)
            except AssertionError:
                for body in some:
                    self.check(body)
                raise

    def _check_together(self, bodies: Sequence[bytes]) -> None:
        alone = []
        for body in bodies:
            decoded = self.protocol.decode([body], NOW_NS)
            [said] = _outcomes(decoded)
            _answer(self.protocol, decoded.reports[0])
            alone.append((body, said))
        good, good_outcome = self.good, _good_outcome(self.protocol, self.good)
        for some in (
            [one for one in alone if isinstance(one[1], _Said)],
            [one for one in alone if not isinstance(one[1], _Said)],
        ):
            decoded = self.protocol.decode([good, *(body for body, _ in some), good], NOW_NS)
            first, *found, last = _outcomes(decoded)
            assert first == last == good_outcome, "a neighbour was harmed"
            assert found == [said for _, said in some], "a neighbour changed what a body means"
            _store(decoded)
            if decoded.batch:
                _reshape(decoded.batch)
                _write_out(decoded.batch)


def _portions(bodies: Iterable[bytes], most: int) -> Iterator[list[bytes]]:
    rest = iter(bodies)
    while some := list(islice(rest, most)):
        yield some


class _Said(msgspec.Struct, frozen=True):
    """A report and its spans, comparable wherever in the batch they are and with NaN in them."""

    report: str
    spans: str


def _outcomes(decoded: Decoded) -> Iterator[_Said | str]:
    """Per body what came of it."""
    end = 0
    for outcome in decoded.reports:
        if isinstance(outcome, Report):
            rows = outcome.rows
            assert rows.start == end, "the rows of the reports are not in order"
            end = rows.stop
            fields = {name: getattr(outcome, name) for name in Report.__slots__ if name != "rows"}
            part = decoded.batch.slice(rows.start, rows.stop)
            yield _Said(repr(fields), repr(part.spans()))
        else:
            assert isinstance(outcome, BadReport | TooLarge), repr(outcome)
            assert outcome.message
            outcome.message.encode()
            assert len(outcome.message) < 500, "an error message repeats what was sent"
            yield f"{outcome.code}: {outcome.message}"
    assert end == len(decoded.batch), "spans without a report"


@cache
def _good_outcome(protocol: WireProtocol, good: bytes) -> _Said | str:
    [outcome] = _outcomes(protocol.decode([good], NOW_NS))
    assert isinstance(outcome, _Said), outcome
    return outcome


def _reshape(batch: SpanBatch) -> None:
    """The spans stay the same however their batch is cut and put together, and can be shown."""
    spans = batch.spans()
    msgspec.json.encode(spans, enc_hook=json_form)
    shown = repr(spans)
    twice = SpanBatch.concat([batch, batch])
    assert repr(twice.slice(0, len(batch)).spans()) == shown
    assert repr(twice.slice(len(batch), 2 * len(batch)).compact().spans()) == shown


def _store(decoded: Decoded) -> None:
    """What arrived is all in the ledger, whatever it was."""
    dropped: dict[str, int] = {}
    for report in decoded.reports:
        for reason, count in report.dropped.items() if isinstance(report, Report) else ():
            assert count >= 0, reason
            dropped[reason] = dropped.get(reason, 0) + count
    try:
        _STORE.write("p", decoded.batch, arrived_ns=NOW_NS, dropped=dropped)
        [stats] = _STORE.projects()
        ledger = stats.ledger
        assert ledger.received == len(decoded.batch) + sum(dropped.values())
        assert ledger.received == ledger.stored + sum(ledger.dropped.values()) + ledger.evicted
        page = _STORE.find("p", parse("").plan, order="arrival", limit=1000)
        assert page.total == ledger.stored
    finally:
        _STORE.drop("p")


def _answer(protocol: WireProtocol, outcome: Report | SatelliteError) -> None:
    """There is an answer in the protocol's words, readable by a machine where it says so."""
    if isinstance(outcome, Report):
        rows = outcome.rows
        receipts = [
            Receipt(
                NOW_NS,
                NOW_NS + 1,
                stored=rows.stop - rows.start,
                dropped=outcome.dropped,
                warnings=outcome.warnings,
                echo=outcome.echo,
            ),
            *(
                Receipt(NOW_NS, NOW_NS + 1, refusal("no"), echo=outcome.echo)
                for refusal in (AccessDenied, Overloaded, StoreFailed)
            ),
        ]
    else:
        receipts = [Receipt(NOW_NS, NOW_NS + 1, outcome)]
    path = protocol.http_routes[0][1] if protocol.http_routes else ""
    heads = [
        RequestHead(),
        RequestHead(path, next(iter(protocol.content_types), ""), "", "python"),
        RequestHead(path, next(iter(protocol.content_types), ""), "application/json", "envoy/1.40"),
    ]
    for receipt in receipts:
        for head in heads:
            reply = protocol.encode(receipt, head)
            refused = receipt.refusal is not None
            assert (reply.status >= 400) == refused, (reply, receipt)
            if reply.content_type == "application/json" and reply.body:
                json.loads(reply.body)
        if receipt.refusal is not None:
            protocol.grpc_details(receipt.refusal)


def _write_out(batch: SpanBatch) -> None:
    """What was kept can be written out in every form, and read again."""
    for form in FILE_FORMATS.values():
        reader = FileReader(form.name)
        for body in _bodies(reader, b"".join(form.pieces([batch] if len(batch) else []))):
            for outcome in body.protocol.decode([body.content], NOW_NS).reports:
                assert isinstance(outcome, Report), (form.name, outcome)
        assert not reader.faults, (form.name, reader.faults)


def _bodies(reader: FileReader, content: bytes, portion: int = 1 << 20) -> Iterator[Body]:
    for start in range(0, len(content), portion):
        yield from reader.feed(content[start : start + portion])
    yield from reader.finish()


def _check_file(content: bytes) -> None:
    """Any file is read or refused, however it is cut on its way, and one or the other is said."""
    found = []
    for portion in (1 << 20, 7):
        reader, bodies = FileReader(), list[Body]()
        try:
            bodies.extend(_bodies(reader, content, portion))
        except (BadReport, TooLarge) as fault:
            reader.fault("", fault.message)
        found.append((len(bodies), reader.faulty))
        assert bodies or reader.why_nothing().message
        for body in bodies:
            decoded = body.protocol.decode([body.content], NOW_NS)
            list(_outcomes(decoded))
            _store(decoded)
    assert found[0] == found[1]


def _check_stream(body: bytes) -> None:
    """However a body is cut on its way, the same spans come out of it."""

    def spans(chunks: Sequence[bytes]) -> tuple[str, str]:
        splitter = ReportSplitter(_FIELD_BYTES_MAX)
        pieces = [*map(splitter.feed, chunks), splitter.finish()]
        assert splitter.unfinished_bytes <= len(body)
        decoded = lightstep.decode([piece for piece in pieces if piece is not None], NOW_NS)
        said = list(_outcomes(decoded))
        good = [one.spans.strip("[]") for one in said if isinstance(one, _Said)]
        fault = f"{splitter.fault!r} {splitter.unfinished_bytes}"
        if len(good) < len(said):  # a piece that cannot be read costs the spans that came with it
            return "", fault
        return ", ".join(filter(None, good)), fault

    step = 1 + (body[0] if body else 0)
    whole, parts = spans([body]), spans([body[at : at + step] for at in range(0, len(body), step)])
    assert whole[1] == parts[1]


def _check_query(content: bytes) -> None:
    text = content.decode("utf-8", "surrogateescape")
    for lenient in (False, True):
        try:
            query = parse(text, lenient=lenient)
        except BadQuery as error:
            refusal = error
        else:
            assert parse(query.canonical).canonical == query.canonical
            assert _STORE.count("nobody", query.plan) == 0
            continue
        assert refusal.message.count("\n") == 2, refusal.message
        assert refusal.details["column"] >= 1
        refusal.message.encode()


def _check_gzip(body: bytes) -> None:
    try:
        content = gunzip(body, _INFLATED_BYTES_MAX)
    except (BadReport, TooLarge):
        return
    assert len(content) <= _INFLATED_BYTES_MAX
    if body:
        assert content == gzip.decompress(body)


CODECS: Mapping[str, Codec] = {
    "lightstep": Codec(lightstep.PROTOCOL, "lightstep", "full.hex"),
    "lightstep_json": Codec(lightstep_json.PROTOCOL, "lightstep_json", "full.json"),
    "lightstep_thrift": Codec(lightstep_thrift.PROTOCOL, "lightstep_thrift", "full.hex"),
    "lightstep_tjson": Codec(lightstep_thrift.JSON_PROTOCOL, "lightstep_thrift", "full.tjson"),
    "lightstep_thrift_json": Codec(
        lightstep_thrift_json.PROTOCOL, "lightstep_thrift_json", "javascript.json"
    ),
    "lightstep_uri": Codec(lightstep_thrift_json.URI_PROTOCOL, "lightstep_thrift_json", "uri_encoded.txt"),
    "tracer_metrics": Codec(tracer_metrics.PROTOCOL, "tracer_metrics", "java.hex"),
    "otlp": Codec(otlp.PROTOCOL, "otlp", "real-opentelemetry-python.bin"),
    "otlp_json": Codec(otlp.JSON_PROTOCOL, "otlp", "real-opentelemetry-js-json.bin"),
    "otlp_metrics": Codec(otlp_signals.METRICS_PROTOCOL, "otlp_signals", "metrics.hex"),
    "otlp_metrics_json": Codec(otlp_signals.METRICS_JSON_PROTOCOL, "otlp_signals", "metrics.json"),
    "otlp_logs": Codec(otlp_signals.LOGS_PROTOCOL, "otlp_signals", "logs.hex"),
    "otlp_logs_json": Codec(otlp_signals.LOGS_JSON_PROTOCOL, "otlp_signals", "logs.json"),
    "zipkin": Codec(zipkin.PROTOCOL, "zipkin", "v2.json"),
    "jaeger": Codec(jaeger.PROTOCOL, "jaeger", "full.hex"),
    "jaeger_thrift": Codec(jaeger.THRIFT_PROTOCOL, "jaeger", "thrift.hex"),
    "jaeger_json": Codec(jaeger_json.PROTOCOL, "jaeger", "ui.json"),
    "datadog": Codec(datadog.PROTOCOL, "datadog", "traces.json"),
}
"""One per WireProtocol, and the reader of Jaeger's files."""


def _check_http2(data: bytes) -> None:
    """The same events and answers in one piece, byte by byte and a little at a time; our own frames are whole."""
    data = PREFACE + frame(SETTINGS, 0, 0) + data
    whole = _spoken([data], WORK_MAX)
    assert whole == _spoken([data[at : at + 1] for at in range(len(data))], WORK_MAX), "pieces matter"
    assert whole == _spoken([data], 1), "turns matter"


def _spoken(pieces: Sequence[bytes], work_max: int) -> tuple[list[str], bytes]:
    """What a server makes of these pieces, and says."""
    server = Connection(Limits())
    events: list[str] = []
    out = server.take()
    for piece in pieces:
        found = server.receive(piece, work_max)
        while server.waits:
            found += server.receive(b"", work_max)
        events += [type(event).__name__ for event in found]
        out += server.take()
    at = 0
    while at < len(out):
        high, low, *_ = head_of(out, at)
        at += HEADER_BYTES + (high << 8 | low)
    assert at == len(out), "a frame of ours is cut off"
    return events, out


SUBJECTS: Mapping[str, Subject] = {
    **{name: Subject(codec.folder, codec.check) for name, codec in CODECS.items()},
    "lightstep_stream": Subject("lightstep", _check_stream),
    "lightstep_file": Subject("lightstep_file", _check_file),
    "query": Subject("query", _check_query),
    "gzip": Subject("gzip", _check_gzip),
    "http2": Subject("http2", _check_http2),
}
