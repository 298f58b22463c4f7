"""Zipkin's v2 JSON in which nothing is odd, as nearly all of it: ids and times of a body become columns at once."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt

from satellite.protocols.readers.json_document import VALUE_BYTES_MIN, check_values
from satellite.protocols.rows import Rows, check_spans
from satellite.protocols.values import FUTURE_NS
from satellite.protocols.zipkin.model import SpanWriter, ZipkinSpan

BODY_BYTES_MAX = 2**20
"""Of a larger body not all spans should be objects at the same time. Ours."""

_DURATION_US_MAX = (2**63 - 1) // 1000
_ID_DIGITS = 32


class PlainSpan(ZipkinSpan, rename="camel", kw_only=True):
    """A span with ids, a start and no sign of v1; what is left to `SpanWriter` may be anything."""

    trace_id: str
    id: str
    timestamp: int
    parent_id: str | None = None
    duration: int = 0
    tags: dict[str, Any] | None = None
    binary_annotations: None = None


_READER = msgspec.json.Decoder(list[PlainSpan])


def add_plain(body: bytes, rows: Rows, writer: SpanWriter, received_ns: int) -> bool:
    """Add the spans of a body; False, and none is added, when one is not as plain as that."""
    if len(body) > BODY_BYTES_MAX:
        return False
    check_values(body, VALUE_BYTES_MIN)
    try:
        spans = _READER.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not spans or any(span.annotations and _has_endpoint(span.annotations) for span in spans):
        return False
    check_spans(len(spans), len(body))
    starts_us, durations_us = [span.timestamp for span in spans], [span.duration for span in spans]
    if not (min(starts_us) > 0 and max(starts_us) * 1000 <= received_ns + FUTURE_NS):
        return False
    if not (min(durations_us) >= 0 and max(durations_us) <= _DURATION_US_MAX):
        return False
    traces, ids = _ids([span.trace_id for span in spans]), _ids([span.id for span in spans])
    parents = _ids([span.parent_id or "" for span in spans])
    if traces is None or ids is None or parents is None or not (traces.any(axis=1) & (ids[:, 1] != 0)).all():
        return False
    said = [
        writer.said(*one)
        for one in zip(spans, ids[:, 1].tolist(), parents[:, 1].tolist(), starts_us, strict=True)
    ]
    reporters, operations, parent, kinds, statuses, marks, tags, logs, extras = zip(*said, strict=True)
    rows.add_columns(
        {
            "trace_high": traces[:, 0],
            "trace_low": traces[:, 1],
            "span_id": ids[:, 1],
            "parent_id": np.array(parent, np.uint64),
            "start_ns": np.array(starts_us) * 1000,
            "duration_ns": np.array(durations_us) * 1000,
            "reporter": reporters,
            "name": [*map(rows.name, operations)],
            "extra": [*map(rows.packed, extras)],
            "kind": kinds,
            "status": statuses,
            "marks": marks,
            "tags": [*map(len, tags)],
            "logs": [*map(len, logs)],
        },
        tags=chain.from_iterable(tags),
        logs=chain.from_iterable(logs),
    )
    return True


def _has_endpoint(annotations: Any) -> bool:
    """Whether annotations say where they were made, as those of v1 do."""
    return not isinstance(annotations, list) or any(
        isinstance(one, dict) and "endpoint" in one for one in annotations
    )


def _ids(texts: Sequence[str]) -> npt.NDArray[np.uint64] | None:
    """High and low half of each; None when one is not 0 to 32 hex digits."""
    if max(map(len, texts)) > _ID_DIGITS:
        return None
    try:
        sent = bytes.fromhex("".join([text.zfill(_ID_DIGITS) for text in texts]))
    except ValueError:
        return None
    if len(sent) * 2 != _ID_DIGITS * len(texts):  # it leaves out white space
        return None
    return np.frombuffer(sent, ">u8").astype(np.uint64).reshape(-1, 2)
