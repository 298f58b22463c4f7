"""OTLP's events and links as the model's logs and references."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model import compute as pc
from satellite.model.spans import encode_log
from satellite.model.tag import decode_tag, encode_tag, varint
from satellite.model.tags import layout
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.pb import satellite_model_pb2 as model
from satellite.protocols.otlp.tags import Ints, read_attribute, text
from satellite.protocols.readers.columns import PART_BYTES
from satellite.protocols.rows import emptied

REF_TYPE = "opentracing.ref_type"
"""Link attribute that says child_of or follows_from."""

_LIMIT = np.uint64(2**63 - 1)

_FIELD = b"\x12"
"""Before each field of a Log."""

_AT_ONCE = 2**14
"""So many events are read at a time, whatever a body holds."""


def logs_of(events: pa.BinaryArray) -> tuple[pa.BinaryArray, Ints]:
    """(satellite.model.Log of each event, which of them held invalid UTF-8).

    Every event has a time of its own, most share the rest with others: what follows the time is read once for each
    distinct text of it among those that are read together. A large one is read alone, which takes a third of the memory.
    """
    start, end, _ = layout(events)
    large = {*np.flatnonzero(end - start > PART_BYTES).tolist()}
    cuts = {*range(0, len(events), _AT_ONCE), *large, *(place + 1 for place in large), len(events)}
    logs, broken = [], []
    for at, until in pairwise(sorted(cuts)):
        if at in large:
            log, was_broken = _log(events[at])
            logs.append(pa.array([log], pa.binary()))
            broken.append(np.array([at] * was_broken, np.int64))
        else:
            together, places = _logs_of(events[at:until])
            logs.append(together)
            broken.append(places + at)
    return pa.concat_arrays(logs), np.concatenate(broken)


def _logs_of(events: pa.BinaryArray) -> tuple[pa.BinaryArray, Ints]:
    start, end, data = layout(events)
    base = start[0]
    start, end, data = start - base, end - base, data[base : end[-1]]
    padded = np.concatenate([data, np.zeros(9, np.uint8)])
    places = start[:, None] + np.arange(1, 9)
    times = np.frombuffer(padded[places].tobytes(), "<u8")
    usual = (padded[start] == 0x09) & (end - start >= 9) & (times <= _LIMIT) & (times > 0)
    cut = np.where(usual, 9, 0)
    offsets = np.concatenate([[0], np.cumsum(end - start - cut)]).astype(np.int32)
    picks = np.ones(len(data), np.bool_)
    for i in range(9):
        picks[start[usual] + i] = False
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(data[picks])]
    rests = pa.Array.from_buffers(pa.binary(), len(events), buffers).dictionary_encode()
    codes = rests.indices.to_numpy()
    suffixes: list[bytes] = [b""] * len(rests.dictionary)
    broken = np.zeros(len(events), np.bool_)
    wanted = np.zeros(len(suffixes), np.bool_)
    wanted[codes[usual]] = True
    bad = np.zeros(len(suffixes), np.bool_)
    for i in np.flatnonzero(wanted).tolist():
        encoded = rests.dictionary[i].as_py()
        found, bad[i] = _log_rest(encoded)
        if found is None:
            usual &= codes != i
        else:
            suffixes[i] = found
    broken = bad[codes] & usual
    logs = pc.binary_join_element_wise(
        _times_of(np.where(usual, times, 0).astype(np.int64)),
        pa.array(suffixes, pa.binary()).take(rests.indices),
        pa.scalar(b"", pa.binary()),
    )
    if not usual.all():
        read = [_log(events[i]) for i in np.flatnonzero(~usual).tolist()]
        broken[~usual] = [was_broken for _, was_broken in read]
        logs = pc.replace_with_mask(logs, pa.array(~usual), pa.array([log for log, _ in read], pa.binary()))
    return logs, np.flatnonzero(broken)


def _log_rest(encoded: bytes) -> tuple[bytes | None, bool]:
    """(what follows the time in the Log, whether UTF-8 was broken); None when there is another time in it."""
    try:
        message = shallow.Event.FromString(encoded)
    except DecodeError:
        return None, False
    if message.time_unix_nano:
        return None, False
    said = message.name, list(message.attributes), message.dropped_attributes_count
    return _encoded(*said)


def _log(event: pa.BinaryScalar) -> tuple[bytes, bool]:
    """(the Log of an event by itself, whether UTF-8 was broken)."""
    try:
        message = shallow.Event.FromString(event.as_py())
    except DecodeError:
        return encode_log(0, [("satellite.malformed_log", event.as_py())]), False
    seconds, nanos = divmod(message.time_unix_nano, 1_000_000_000)
    time = model.Log(timestamp=model.Time(seconds=seconds, nanos=nanos)).SerializeToString()
    said = message.name, list(message.attributes), message.dropped_attributes_count
    del message  # which has all of it once more
    return _encoded(*said, time)


def _encoded(name: bytes, attributes: list[bytes], dropped: int, time: bytes = b"") -> tuple[bytes, bool]:
    """(a Log with this time, whether UTF-8 was broken)."""
    broken: list[bytes] = []
    rest = model.Log(name=text(name, broken).encode(), dropped_count=dropped).SerializeToString()
    was_broken = bool(broken)
    parts = [time]
    for attribute in emptied(attributes):
        tag, odd = read_attribute(attribute)
        was_broken |= odd
        parts += (_FIELD, varint(len(tag)), tag)
    return b"".join([*parts, rest]), was_broken


def _times_of(times_ns: Ints) -> pa.BinaryArray:
    """Field 1 of a Log for each time: seconds and nanos as varints in a Time, laid out in a matrix and packed."""
    seconds, nanos = np.divmod(times_ns, 1_000_000_000)
    matrix = np.zeros((len(times_ns), 14), np.uint8)
    kept = np.zeros(matrix.shape, np.bool_)
    matrix[:, 0] = 0x0A
    kept[:, :2] = True
    for first, tag, numbers in ((2, 0x08, seconds), (8, 0x10, nanos)):
        matrix[:, first] = tag
        kept[:, first] = numbers > 0
        rest = numbers
        for i in range(1, 6):  # 2^63 ns are less than 2^35 s
            kept[:, first + i] = (rest > 0) & (numbers > 0)
            matrix[:, first + i] = (rest & 0x7F) | np.where(rest > 0x7F, 0x80, 0)
            rest = rest >> 7
    lengths = kept.sum(axis=1)
    matrix[:, 1] = lengths - 2
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(matrix[kept])]
    return pa.Array.from_buffers(pa.binary(), len(times_ns), buffers)


def read_link(encoded: bytes, broken: list[bytes]) -> bytes:
    """satellite.model.Reference of a link; ids of odd length become 0 and are kept as attributes."""
    reference = model.Reference(relationship=1)
    try:
        link = shallow.Link.FromString(encoded)
    except DecodeError:
        reference.attributes.append(encode_tag("satellite.malformed_link", encoded))
        return reference.SerializeToString()
    for attribute in link.attributes:
        tag, was_broken = read_attribute(attribute)
        reference.attributes.append(tag)
        if was_broken:
            broken.append(attribute)
        if decode_tag(tag) == (REF_TYPE, "child_of"):
            reference.relationship = 0
    context = reference.span_context
    context.SetInParent()
    if len(link.trace_id) == 16:
        context.trace_id_high = int.from_bytes(link.trace_id[:8], "big")
        context.trace_id = int.from_bytes(link.trace_id[8:], "big")
    elif link.trace_id:
        reference.attributes.append(encode_tag("satellite.trace_id", link.trace_id))
    if len(link.span_id) == 8:
        context.span_id = int.from_bytes(link.span_id, "big")
    elif link.span_id:
        reference.attributes.append(encode_tag("satellite.span_id", link.span_id))
    reference.trace_state = text(link.trace_state, broken).encode()
    reference.dropped_count = link.dropped_attributes_count
    reference.flags = link.flags
    return reference.SerializeToString()
