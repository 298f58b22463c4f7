"""What stands in many logs at once: their fields as canonical tags, without a look at logs one by one.

A log (an OTLP event, a Zipkin annotation) is kept as protobuf, LightStep's as they came. All are walked through field
by field, each step for all logs together; only those that no encoder writes are decoded by themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model import compute as pc
from satellite.model.span import Log
from satellite.model.tag import decode_tag, encode_tag, key_prefix
from satellite.model.tags import are_plain, gather, layout
from satellite.pb import satellite_model_pb2 as pb

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

NAME = "event"
"""The field that stands for an OTLP event's name."""

MALFORMED_LOG, MALFORMED_FIELD = "satellite.malformed_log", "satellite.malformed_field"

_TIMESTAMP, _FIELD, _NAME, _DROPPED = 0x0A, 0x12, 0x1A, 0x20  # what the fields of a log begin with
_VARINT_BYTES_MAX = 4


def decode_log(encoded: bytes, offset_us: int = 0) -> Log:
    """One entry of the `logs` column; of a repeated field the last value counts."""
    try:
        log = pb.Log.FromString(encoded)
    except DecodeError:  # a log whose bytes are broken; the span's other parts are not
        return Log(0, {MALFORMED_LOG: encoded})
    fields = dict(map(_decode_field, log.fields))
    if log.name:
        fields = {NAME: log.name.decode("utf-8", "replace")} | fields
    return Log(log.timestamp.seconds * 1_000_000 + log.timestamp.nanos // 1000 + offset_us, fields)


def _decode_field(encoded: bytes) -> tuple[str, Any]:
    try:
        return decode_tag(encoded)
    except DecodeError:  # as above
        return MALFORMED_FIELD, encoded


def first_time_ns(logs: Iterable[bytes]) -> int:
    """The earliest time that entries of the `logs` column tell; 0 for none."""
    return min((time_ns for log in logs if 0 < (time_ns := _time_ns(log)) < 2**63), default=0)


def _time_ns(encoded: bytes) -> int:
    try:
        time = pb.Log.FromString(encoded).timestamp
    except DecodeError:
        return 0
    return time.seconds * 1_000_000_000 + time.nanos


def begin_with_logs(start_ns: Ints, logs: pa.ListArray, unknown: Mask) -> None:
    """Let spans whose start is unknown begin with the first of their logs, if they have any; `start_ns` is changed."""
    for row in np.flatnonzero(unknown & (np.diff(logs.offsets) > 0)).tolist():
        start_ns[row] = first_time_ns(logs[row].as_py() or ()) or start_ns[row]


class LogFields(NamedTuple):
    """Fields of logs as tags."""

    logs: Ints
    """The log of each."""
    codes: Ints
    """Its position in `tags`."""
    tags: pa.BinaryArray
    """Distinct and canonical."""


def fields_with(logs: pa.BinaryArray, key: str) -> LogFields:
    """The fields of this key: of each log that has it the last."""
    places = np.arange(len(logs))
    if key not in (NAME, MALFORMED_LOG, MALFORMED_FIELD):
        places = np.flatnonzero(np.asarray(pc.match_substring(logs, key.encode("utf-8", "surrogatepass"))))
        logs = logs.take(pa.array(places))
    found = all_fields(logs)
    has_key = pc.starts_with(found.tags, pattern=key_prefix(key))
    wanted = np.asarray(has_key)
    number = np.cumsum(wanted) - 1
    chosen = wanted[found.codes]
    log, code = found.logs[chosen], number[found.codes[chosen]]
    order = np.argsort(log, kind="stable")
    log, code = log[order], code[order]
    last = np.ones(len(log), np.bool_)
    last[:-1] = log[1:] != log[:-1]
    return LogFields(places[log[last]], code[last], found.tags.filter(has_key))


def all_fields(logs: pa.BinaryArray) -> LogFields:
    """Every field of these logs; those of one log and key in the order in which a later one replaces an earlier."""
    walk = _walked(logs)
    broken = [
        (log, encode_tag(*field))
        for log in walk.odd.tolist()
        for field in decode_log(logs[log].as_py()).fields.items()
    ]
    parts = [_named(walk.names), _canonical(walk.fields), pa.array([tag for _, tag in broken], pa.binary())]
    encoded = pa.concat_arrays(parts).dictionary_encode()
    owners = [walk.name_logs, walk.field_logs, np.array([log for log, _ in broken], np.int64)]
    return LogFields(np.concatenate(owners), np.asarray(encoded.indices).astype(np.int64), encoded.dictionary)


def _named(names: pa.BinaryArray) -> pa.BinaryArray:
    distinct = names.dictionary_encode()
    tags = [encode_tag(NAME, name.decode("utf-8", "replace")) for name in distinct.dictionary.to_pylist()]
    return pa.array(tags, pa.binary()).take(distinct.indices)


def _canonical(fields: pa.BinaryArray) -> pa.BinaryArray:
    """The same fields as canonical tags; only distinct ones out of the ordinary are looked at by themselves."""
    distinct = fields.dictionary_encode()
    tags = distinct.dictionary
    odd = ~are_plain(tags)
    if odd.any():
        clean = [encode_tag(*_decode_field(tag)) for tag in tags.filter(pa.array(odd)).to_pylist()]
        tags = pc.replace_with_mask(tags, pa.array(odd), pa.array(clean, pa.binary()))
    return tags.take(distinct.indices)


class _Walk(NamedTuple):
    field_logs: Ints
    fields: pa.BinaryArray
    name_logs: Ints
    names: pa.BinaryArray
    odd: Ints
    """Logs that are to be decoded by themselves."""


def _walked(logs: pa.BinaryArray) -> _Walk:
    """Where fields and names lie in each log."""
    start, end, data = layout(logs)
    padded = np.concatenate([data, np.zeros(_VARINT_BYTES_MAX + 1, np.uint8)])
    active, at = np.flatnonzero(start < end), start[start < end]
    odd = np.zeros(len(logs), np.bool_)
    found: list[tuple[Ints, npt.NDArray[np.uint8], Ints, Ints]] = []
    while len(active):
        head = padded[at]
        number, width = _varints(padded, at + 1)
        begin = at + 1 + width
        stop = begin + np.where(head == _DROPPED, 0, number)
        known = np.isin(head, (_TIMESTAMP, _FIELD, _NAME, _DROPPED)) & (width > 0) & (stop <= end[active])
        odd[active[~known]] = True
        found.append((active[known], head[known], begin[known], (stop - begin)[known]))
        going = known & (stop < end[active])
        active, at = active[going], stop[going]
    log, head, begin, length = (
        (np.concatenate(part) for part in zip(*found, strict=True)) if found else _EMPTY
    )
    # A log that turned out odd at its end is none of these.
    fields, names = (head == _FIELD) & ~odd[log], (head == _NAME) & ~odd[log] & (length > 0)
    return _Walk(
        log[fields],
        gather(data, begin[fields], length[fields]),
        log[names],
        gather(data, begin[names], length[names]),
        np.flatnonzero(odd),
    )


_EMPTY: tuple[Ints, npt.NDArray[np.uint8], Ints, Ints] = (
    np.empty(0, np.int64),
    np.empty(0, np.uint8),
    np.empty(0, np.int64),
    np.empty(0, np.int64),
)


def _varints(data: npt.NDArray[np.uint8], at: Ints) -> tuple[Ints, Ints]:
    """(value, width in bytes) of the varint at each place; width 0: too long."""
    value = np.zeros(len(at), np.int64)
    width = np.zeros(len(at), np.int64)
    for i in range(_VARINT_BYTES_MAX):
        byte = data[np.minimum(at + i, len(data) - 1)].astype(np.int64)
        open_ = width == 0
        value[open_] |= (byte[open_] & 0x7F) << (7 * i)
        width[open_ & (byte < 0x80)] = i + 1
    return value, width
