"""The JSON of spans as the API shows them, written from columns: the very text that msgspec makes of `Span`, without the objects."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import pairwise
from typing import TypeVar

import msgspec
import pyarrow as pa

from satellite.model.codes import used_of
from satellite.model.reporter import decode_reporter
from satellite.model.span import PARENT_TAG
from satellite.model.spans import (
    Kind,
    Rows,
    SpanBatch,
    Status,
    decode_extra,
    id_text,
    mark_names,
    read_log,
    read_reference,
    shown_items,
    shown_tag,
    trace_text,
)
from satellite.model.tag import json_form

T = TypeVar("T")

_ENCODER = msgspec.json.Encoder(enc_hook=json_form)


def _json(value: object) -> str:
    return _ENCODER.encode(value).decode()


_KINDS = [_json(kind.name.lower() if kind else None) for kind in Kind]
_ERROR = [_json(status == Status.ERROR) for status in Status]
_PARENT_KEY = _json(PARENT_TAG)

_CACHED_BYTES = 512
"""What is longer is written each time, so that the caches are bounded in bytes."""


def span_jsons(batch: SpanBatch, rows: Rows, marks: Sequence[int]) -> list[msgspec.Raw]:
    """The JSON object of each of these rows, for an answer that an encoder writes; `marks`: of each."""
    places = rows.tolist()
    if len(places) < len(batch):
        batch, places = batch.take(rows), list(range(len(places)))
    high, low, span_id, parent_id, start_ns, duration_ns, name, reporter, extra, kind, status, odd = (
        batch.column(column).tolist() for column in _NUMBERS
    )
    tags = _tags(batch)
    logs, references = (batch.array(column).to_pylist() for column in ("logs", "references"))
    names = _each(name, batch.names, lambda encoded: _json(encoded.decode()))
    reporters = _each(reporter, batch.reporters, _reporter)
    extras = _each(extra, batch.extras, decode_extra)
    written = []
    for i, mark in zip(places, marks, strict=True):
        trace, parent, own_tags, more = trace_text(high[i], low[i]), "null", dict(tags[i]), ""
        others = ",".join([_json(read_reference(one, high[i], low[i])) for one in references[i]])
        if parent_id[i]:
            parent = f'"{id_text(parent_id[i])}"'
            own_tags.pop(_PARENT_KEY, None)
            others = others or f'{{"kind":"child_of","trace_id":"{trace}","span_id":{parent}}}'
        service, process = reporters[reporter[i]]
        own_extra = extras[extra[i]]
        own_logs = ",".join([_json(read_log(one, own_extra.get("offset_us", 0))) for one in logs[i]])
        if odd[i]:
            more = f',"marks":{_json(mark_names(odd[i]))}'
        if own_extra:
            more += f',"extra":{_json(shown_items(own_extra.items()))}'
        if duration_ns[i] % 1000:
            more += f',"duration_ns":{duration_ns[i]}'
        text = (
            f'{{"trace_id":"{trace}","span_id":"{id_text(span_id[i])}","parent_span_id":{parent},'
            f'"service":{service},"operation":{names[name[i]]},"kind":{_KINDS[kind[i]]},'
            f'"start_us":{start_ns[i] // 1000},"duration_us":{duration_ns[i] // 1000},'
            f'"error":{_ERROR[status[i]]},"tags":{{{",".join(own_tags.values())}}},"logs":[{own_logs}],'
            f'"references":[{others}],{process},"mark":{mark}{more}}}'
        )
        written.append(msgspec.Raw(text))
    return written


_NUMBERS = (
    *("trace_high", "trace_low", "span_id", "parent_id", "start_ns", "duration_ns"),
    *("name", "reporter", "extra", "kind", "status", "marks"),
)


def _each(codes: Sequence[int], values: pa.BinaryArray, read: Callable[[bytes], T]) -> dict[int, T]:
    """What is read of the value behind each code that occurs."""
    return {code: read(values[code].as_py()) for code in set(codes)}


def _tags(batch: SpanBatch) -> list[list[tuple[str, str]]]:
    """(the key's JSON, that of the whole member) of each tag of each row, in the order sent."""
    lists = batch.array("tags")
    bounds = lists.offsets.to_numpy()
    used, places = used_of(lists.values.to_numpy()[bounds[0] : bounds[-1]], len(batch.tags))
    distinct = [
        _cached_member(encoded) if len(encoded) <= _CACHED_BYTES else _member(encoded)
        for encoded in batch.tags_at(used).to_pylist()
    ]
    members = [distinct[place] for place in places.tolist()]
    return [members[begin:end] for begin, end in pairwise((bounds - bounds[0]).tolist())]


def _member(encoded: bytes) -> tuple[str, str]:
    key, value = shown_tag(encoded)
    written = _json(key)
    return written, f"{written}:{_json(value)}"


_cached_member = lru_cache(maxsize=16384)(_member)


def _reporter(encoded: bytes) -> tuple[str, str]:
    """(JSON of the service, the members `reporter` and `protocol`)."""
    return _cached_process(encoded) if len(encoded) <= _CACHED_BYTES else _process(encoded)


def _process(encoded: bytes) -> tuple[str, str]:
    reporter = decode_reporter(encoded)
    attributes = _json(shown_items(reporter.attributes))
    process = f'"reporter":{{"id":"{id_text(reporter.id)}","attributes":{attributes}}}'
    return _json(reporter.service), f'{process},"protocol":{_json(reporter.protocol)}'


_cached_process = lru_cache(maxsize=1024)(_process)
