"""The report that LightStep's Thrift tracers send ("crouton", after the IDL): its schema, and what it means.

The same structs travel as TBinaryProtocol, as TJSONProtocol and as plain JSON; all come here as dicts by field name,
so that what they mean is said once. Field numbers are those of the generated code in PyPI `lightstep`. Texts may hold surrogates in the place of bytes that were no UTF-8.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from satellite.errors import SatelliteError
from satellite.model.report import Receipt, Report
from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import PARENT_TAG, TagValue
from satellite.model.tag import text_of
from satellite.protocols.lightstep import plain_records
from satellite.protocols.lightstep.guids import (
    early_number,
    guid_number,
    hex_numbers,
    is_plain,
    runtime_number,
)
from satellite.protocols.lightstep.plain_records import PlainRecords
from satellite.protocols.lightstep.report import SpanWriter, clean, plain
from satellite.protocols.readers import thrift
from satellite.protocols.readers.json_document import clean_text, encode_text
from satellite.protocols.readers.json_parts import Elements
from satellite.protocols.readers.thrift import BOOL, DOUBLE, I64, LIST, STRING, STRUCT, Field
from satellite.protocols.rows import Rows, emptied
from satellite.protocols.values import SERVICE_TAG

KEY_VALUE = {1: Field("Key", STRING), 2: Field("Value", STRING)}
TRACE_JOIN_ID = {1: Field("TraceKey", STRING), 2: Field("Value", STRING)}
NAMED_COUNTER = {1: Field("Name", STRING), 2: Field("Value", I64)}
AUTH = {1: Field("access_token", STRING)}
RUNTIME = {
    1: Field("guid", STRING),
    2: Field("start_micros", I64),
    3: Field("group_name", STRING),
    4: Field("attrs", LIST, KEY_VALUE),
}
LOG_RECORD = {
    1: Field("timestamp_micros", I64),
    2: Field("runtime_guid", STRING),
    3: Field("span_guid", STRING),
    4: Field("stable_name", STRING),
    5: Field("message", STRING),
    6: Field("level", STRING),
    7: Field("thread_id", I64),
    8: Field("filename", STRING),
    9: Field("line_number", I64),
    10: Field("stack_frames", LIST, STRING),
    11: Field("payload_json", STRING),
    12: Field("error_flag", BOOL),
    13: Field("fields", LIST, KEY_VALUE, encoded=True),
}
SPAN_RECORD = {
    1: Field("span_guid", STRING),
    2: Field("runtime_guid", STRING),
    3: Field("span_name", STRING),
    4: Field("join_ids", LIST, TRACE_JOIN_ID),
    5: Field("oldest_micros", I64),
    6: Field("youngest_micros", I64),
    8: Field("attributes", LIST, KEY_VALUE, encoded=True),
    9: Field("error_flag", BOOL),
    10: Field("log_records", LIST, LOG_RECORD),
    11: Field("trace_guid", STRING),
}
METRICS_SAMPLE = {1: Field("name", STRING), 2: Field("int64_value", I64), 3: Field("double_value", DOUBLE)}
METRICS = {1: Field("counts", LIST, METRICS_SAMPLE), 2: Field("gauges", LIST, METRICS_SAMPLE)}
REPORT_REQUEST = {
    1: Field("runtime", STRUCT, RUNTIME),
    3: Field("span_records", LIST, SPAN_RECORD, at_once=plain_records.find),
    4: Field("log_records", LIST, LOG_RECORD),
    5: Field("timestamp_offset_micros", I64),
    7: Field("oldest_micros", I64),
    8: Field("youngest_micros", I64),
    9: Field("counters", LIST, NAMED_COUNTER),
    11: Field("internal_metrics", STRUCT, METRICS),
}
ARGUMENTS = {1: Field("auth", STRUCT, AUTH), 2: Field("request", STRUCT, REPORT_REQUEST)}

COMMAND = {1: Field("disable", BOOL)}
TIMING = {1: Field("receive_micros", I64), 2: Field("transmit_micros", I64)}
REPORT_RESPONSE = {
    1: Field("commands", LIST, COMMAND),
    2: Field("timing", STRUCT, TIMING),
    3: Field("errors", LIST, STRING),
}
RESULT: thrift.Schema = {0: Field("success", STRUCT, REPORT_RESPONSE)}

_JOIN = "join:"
_NUMBER = re.compile(r"[+-]?\d{1,40}(\.\d{0,40})?", re.ASCII)

_NUMBER_MAX = 2**70

_LOG_TEXTS = ("stable_name", "message", "level", "thread_id", "filename", "line_number", "payload_json")
"""Fields of a log record beside its `fields` that become fields of the log, under their own names."""


def read(
    request: dict[str, Any], rows: Rows, received_ns: int, *, protocol: str, token: str = "", echo: Any = None
) -> Report:
    """Add the spans of a ReportRequest to rows; never raises for what it holds, but for JSON nested too deeply.

    Args:
        request: the fields that were there; null is as good as absent. `span_records`, which is taken out, may be Elements.
        rows: where the spans go.
        received_ns: when it came.
        protocol: name of the WireProtocol.
        token: the access token of the call, "" for none: then a tag may bring it.
        echo: for `Report.echo`.
    """
    runtime = _object(request.get("runtime"))
    offset_us = int(_number(request.get("timestamp_offset_micros")) or 0)
    writer = SpanWriter(rows, received_ns, _reporter(runtime, protocol), offset_us)
    own_guid = _text(runtime.get("guid"))
    loose = _loose_logs(request.get("log_records"), rows, own_guid)
    malformed = nameless = 0
    records = request.pop("span_records", None)
    for record in records if isinstance(records, Elements) else emptied(_list(records)):
        if isinstance(record, PlainRecords):
            if loose or not _add_plain(record, writer, own_guid):
                for sent in record.records():
                    nameless += not _span(thrift.read_struct(sent, SPAN_RECORD), writer, own_guid, loose)
        elif not isinstance(record, dict):
            malformed += 1
        elif not _span(record, writer, own_guid, loose):
            nameless += 1
    report = writer.finish(malformed, nameless)
    report.token, report.echo = clean_text(token), echo
    _count(request, report.counters)
    if lost := sum(map(len, loose.values())):
        report.warnings.append(f"{lost} log records belong to no span of this report and were left out")
    return report


def _reporter(runtime: dict[str, Any], protocol: str) -> Reporter:
    attributes: dict[str, TagValue] = {}
    for key, value in _pairs(runtime.get("attrs"), "Key"):
        attributes[clean_text(key)] = clean(value)
    guid = _text(runtime.get("guid"))
    group_name = clean_text(_text(runtime.get("group_name")))
    # The transport's tag comes last here: in this protocol the other two are the rule.
    candidates = (
        group_name,
        text_of(attributes.get("lightstep.component_name")),
        text_of(attributes.pop(SERVICE_TAG, None)),
    )
    detail: dict[str, TagValue] = {"guid": clean_text(guid)} if guid else {}
    if group_name:
        detail["group_name"] = group_name
    if (start := _number(runtime.get("start_micros"))) is not None:
        detail["start_micros"] = clean(int(start))
    return Reporter(
        protocol=protocol,
        service=next(filter(None, candidates), UNKNOWN_SERVICE),
        id=runtime_number(guid),
        attributes=tuple(attributes.items()),
        detail=detail,
    )


def _span(
    record: dict[str, Any],
    writer: SpanWriter,
    own_guid: str,
    loose: dict[int, list[bytes]],
) -> bool:
    """Whether it has an id and was added."""
    rows = writer.rows
    trace_text, span_text = _text(record.get("trace_guid")), _text(record.get("span_guid"))
    join_ids = list(_pairs(record.get("join_ids"), "TraceKey"))
    number: Callable[[str], int] = guid_number
    if not trace_text:
        # The first tracers (PyPI's 1.0, npm's 0.5) had no such field; Python's ids are decimal.
        trace_text = next((_text(value) for key, value in join_ids if key == "trace_guid"), "")
        number = early_number
    trace_id, span_id = number(trace_text), number(span_text)
    if not trace_id and not span_id:
        return False
    tags = _tags(record.get("attributes"), rows)
    told = rows.told(tags)
    parent = 0
    for key, value in told:
        if key == PARENT_TAG:
            parent = number(_text(value))
    extra: dict[str, TagValue] = {}
    if join_ids:
        tags.extend(rows.tag(_JOIN + key.removeprefix(_JOIN), plain(value)) for key, value in join_ids)
        extra["join_ids"] = [[clean_text(key), clean(value)] for key, value in join_ids]
    for name, text in (("trace_guid", trace_text), ("span_guid", span_text)):
        if len(text) > 16 or not is_plain(text):
            extra[name] = clean_text(text)
    guid = record.get("runtime_guid")
    if guid and guid != own_guid:
        extra["runtime_guid"] = clean(guid)
    if record.get("dropped_logs"):
        extra["dropped_logs"] = clean(record["dropped_logs"])
    failed = _is_set(record.get("error_flag"))
    if failed:
        extra["error_flag"] = True
    logs = [
        _log(entry, rows, own_guid, span_text)
        for entry in _list(record.get("log_records"))
        if isinstance(entry, dict)
    ]
    start, end = _number(record.get("oldest_micros")), _number(record.get("youngest_micros"))
    writer.add(
        operation=_text(record.get("span_name")),
        trace_id=trace_id,
        span_id=span_id,
        start_ns=_ns(start),
        duration_us=round(end - start) if start and end is not None else 0,
        tags=tags,
        told=told,
        parent=parent,
        failed=failed,
        logs=logs + loose.pop(guid_number(span_text), []) if loose else logs,
        extra=extra,
    )
    return True


def _add_plain(records: PlainRecords, writer: SpanWriter, own_guid: str) -> bool:
    """Add records that were found together; False, and none is added, when one is odd after all."""
    rows = writer.rows
    trace_ids, span_ids = (
        hex_numbers(records.picked(guids)) for guids in (records.trace_guids, records.span_guids)
    )
    if trace_ids is None or span_ids is None or not ((trace_ids != 0) & (span_ids != 0)).all():
        return False
    if not {b"", encode_text(own_guid)}.issuperset(
        records.picked(records.runtime_guids).unique().to_pylist()
    ):
        return False
    names = records.picked(records.names).dictionary_encode()
    pairs = records.picked(records.attributes.structs).dictionary_encode()
    tags = plain_records.tags_of(pairs.dictionary)
    sent_fields = [*map(thrift.read_texts, records.picked(records.log_fields.structs).to_pylist())]
    fields = [field for field in sent_fields if field is not None]
    try:
        operations = [name.decode() for name in names.dictionary.to_pylist()]
    except UnicodeDecodeError:
        return False
    if tags is None or len(fields) < len(sent_fields):
        return False
    ends = np.cumsum(records.log_fields.counts).tolist()
    logs = [
        rows.log(time_us * 1000, fields[start:end])
        for time_us, start, end in zip(records.log_times_us.tolist(), [0, *ends], ends, strict=False)
    ]
    return writer.add_columns(
        operations=[operations[place] for place in names.indices.to_pylist()],
        trace_ids=trace_ids,
        span_ids=span_ids,
        start_us=records.oldest_us,
        end_us=records.youngest_us,
        failed=records.failed,
        distinct=rows.canonical_tags(tags),
        tags=pairs.indices.to_numpy(),
        tag_counts=records.attributes.counts,
        logs=logs,
        log_counts=records.logs.counts,
        number=lambda value: guid_number(_text(value)),
        extras=({}, {"error_flag": True}),
    )


def _tags(entries: Any, rows: Rows) -> list[int]:
    """The codes of attributes: structs as they came in Thrift's binary form, or objects."""
    if isinstance(entries, list) and entries and type(entries[0]) is bytes:
        return rows.sent_tags(entries, _read_pair)
    return [rows.tag(key, plain(value)) for key, value in _pairs(entries, "Key")]


def _read_pair(sent: bytes) -> tuple[str, TagValue] | None:
    return thrift.read_texts(sent) or next(_pairs([thrift.read_struct(sent, KEY_VALUE)], "Key"), None)


def _loose_logs(records: Any, rows: Rows, own_guid: str) -> dict[int, list[bytes]]:
    """The log records that came beside the spans, by the id of the span that they name."""
    found: dict[int, list[bytes]] = {}
    for record in _list(records):
        if isinstance(record, dict):
            span_text = _text(record.get("span_guid"))
            found.setdefault(guid_number(span_text), []).append(_log(record, rows, own_guid, span_text))
    return found


def _log(record: dict[str, Any], rows: Rows, own_guid: str, span_text: str) -> bytes:
    fields = [(key, plain(value)) for key, value in _pairs(record.get("fields"), "Key")]
    if len(record) > 2:  # tracers that are not of the first generation send time and fields
        fields.extend(
            (name, plain(record[name])) for name in _LOG_TEXTS if record.get(name) not in (None, "")
        )
        if frames := _list(record.get("stack_frames")):
            fields.append(("stack_frames", [clean_text(_text(frame)) for frame in frames]))
        if _is_set(record.get("error_flag")):
            fields.append(("error_flag", True))
        for name, known in (("runtime_guid", own_guid), ("span_guid", span_text)):
            if record.get(name) not in (None, "", known):
                fields.append((name, plain(record[name])))
    return rows.log(_ns(_number(record.get("timestamp_micros"))), fields)


def _count(request: dict[str, Any], counters: dict[str, float]) -> None:
    """What the client counted, in both places where it may stand."""
    for sample in _list(_object(request.get("internal_metrics")).get("counts")):
        if isinstance(sample, dict):
            value = sample.get("int64_value")
            _add(counters, sample.get("name"), sample.get("double_value") if value is None else value)
    for name, value in _pairs(request.get("counters"), "Name"):
        _add(counters, name, value)


def _add(counters: dict[str, float], name: Any, value: Any) -> None:
    number = _number(value)
    if not isinstance(name, str) or not name or number is None:
        return
    # PHP's name for what all others call spans.dropped.
    name = "spans.dropped" if name == "dropped_spans" else clean_text(name)
    counters[name] = counters.get(name, 0) + number


# Values as JSON may bring them


def _object(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _pairs(entries: Any, key_name: str) -> Iterator[tuple[str, Any]]:
    """(key, value) of each entry that has either: objects, or KEY_VALUEs in Thrift's binary form; of an object each member."""
    if isinstance(entries, dict):
        yield from entries.items()
    elif isinstance(entries, list):
        for entry in entries:
            if isinstance(entry, bytes):
                if (pair := _read_pair(entry)) is not None:
                    yield pair
            elif isinstance(entry, dict):
                key, value = entry.get(key_name), entry.get("Value")
                if isinstance(key, str):
                    yield key, value
                elif key is not None or value is not None:
                    yield _text(key), value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else text_of(clean(value))


def _is_set(value: Any) -> bool:
    return value.lower() == "true" if isinstance(value, str) else bool(value)


def _number(value: Any) -> int | float | None:
    """A number, also one in decimal digits; None for none, and beyond what any field could hold."""
    if isinstance(value, str) and (parts := _NUMBER.fullmatch(value)):
        value = float(value) if parts[1] else int(value)
    return value if isinstance(value, int | float) and abs(value) < _NUMBER_MAX else None


def _ns(time_us: float | None) -> int:
    """Ns since the epoch; 0 for none. Browsers send fractions of microseconds."""
    if time_us is None:
        return 0
    whole = math.floor(time_us)
    return whole * 1000 + int((time_us - whole) * 1000)


# The answer


def response(receipt: Receipt) -> dict[str, Any]:
    """A ReportResponse: times, and the reason of a refusal; `errors` stays empty for a report that was kept."""
    answer: dict[str, Any] = {"commands": [], "timing": timing(receipt)}
    answer["errors"] = [refusal_text(receipt.refusal)] if receipt.refusal else []
    if (fault := receipt.fault) is not None:
        answer["commands"] = [{command: True} for command in fault.commands]
        answer["errors"] += fault.errors
        if fault.no_timestamps:
            del answer["timing"]
    return answer


def timing(receipt: Receipt) -> dict[str, int]:
    """Both times in µs."""
    return {
        "receive_micros": receipt.received_ns // 1000,
        "transmit_micros": receipt.answered_ns // 1000,
    }


def refusal_text(refusal: SatelliteError) -> str:
    """What is said of a refusal; Go hands it to a format function."""
    return refusal.message.replace("%", "percent ")
