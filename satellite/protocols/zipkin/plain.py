"""Zipkin's v2 JSON in which nothing is odd, as nearly all of it: what many spans say alike is read once."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import chain
from operator import attrgetter
from typing import Any, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from satellite.model.spans import id_text
from satellite.protocols.halves import SHARED_PARENT
from satellite.protocols.readers.json_document import VALUE_BYTES_MIN, check_values
from satellite.protocols.rows import Rows, check_spans
from satellite.protocols.values import FUTURE_NS, KIND_TAG, SERVICE_TAG
from satellite.protocols.zipkin.model import (
    PEER_TAGS,
    TELLING,
    Meaning,
    SpanWriter,
    ZipkinSpan,
    endpoint_items,
)

BODY_BYTES_MAX = 2**20
"""Of a larger body not all spans should be objects at the same time. Ours."""

_DURATION_US_MAX = (2**63 - 1) // 1000
_ID_DIGITS = 32


class PlainSpan(ZipkinSpan, rename="camel", kw_only=True):
    """A span with ids, a start and no sign of v1; its endpoints, annotations and tags' values may be anything."""

    trace_id: str
    id: str
    timestamp: int
    parent_id: str | None = None
    name: str | None = None
    kind: str | None = None
    duration: int = 0
    local_endpoint: msgspec.Raw = msgspec.Raw()
    tags: dict[str, Any] | None = None
    debug: bool | None = None
    shared: bool | None = None
    binary_annotations: None = None


_READER = msgspec.json.Decoder(list[PlainSpan])
_FIELDS = attrgetter(
    *("trace_id", "id", "parent_id", "timestamp", "duration", "name", "kind", "debug", "shared"),
    *("local_endpoint", "remote_endpoint", "tags", "annotations"),
)


def add_plain(body: bytes, rows: Rows, writer: SpanWriter, received_ns: int) -> bool:
    """Add the spans of a body; False, and none is added, when one is not as plain as that."""
    if len(body) > BODY_BYTES_MAX:
        return False
    check_values(body, VALUE_BYTES_MIN)
    try:
        sent = [*zip(*map(_FIELDS, _READER.decode(body)), strict=True)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return False
    if not sent:
        return False
    trace_texts, id_texts, parent_texts, starts_us, durations_us, names, kinds, *rest = sent
    debugs, shareds, endpoints, remotes, tags, annotations = rest
    if any(annotations) and any(one and _has_endpoint(one) for one in annotations):
        return False
    check_spans(len(names), len(body))
    if not (min(starts_us) > 0 and max(starts_us) * 1000 <= received_ns + FUTURE_NS):
        return False
    if not (min(durations_us) >= 0 and max(durations_us) <= _DURATION_US_MAX):
        return False
    traces, ids = _ids(trace_texts), _ids(id_texts)
    parents = _ids([text or "" for text in parent_texts])
    if traces is None or ids is None or parents is None or not (traces.any(axis=1) & (ids[:, 1] != 0)).all():
        return False
    said = _said(kinds, debugs, shareds, endpoints, remotes, [one or {} for one in tags], writer)
    if said is None:
        return False
    logs: list[Sequence[bytes]] = []
    if any(annotations):
        logs = [
            writer.logs(one, start) if one else () for one, start in zip(annotations, starts_us, strict=True)
        ]
    meanings, places = said.meanings, np.array(said.places)
    extras = np.array([rows.packed(one.extra) for one in meanings])[places]
    span_ids, parent_ids = ids[:, 1], parents[:, 1].copy()
    for row in said.shared:
        if parent := int(parent_ids[row]):
            extra = {SHARED_PARENT: id_text(parent)} | (meanings[said.places[row]].extra or {})
            extras[row] = rows.packed(extra)
        parent_ids[row] = span_ids[row]
    rows.add_columns(
        {
            "trace_high": traces[:, 0],
            "trace_low": traces[:, 1],
            "span_id": span_ids,
            "parent_id": parent_ids,
            "start_ns": np.array(starts_us) * 1000,
            "duration_ns": np.array(durations_us) * 1000,
            "reporter": said.reporters,
            "name": [rows.name(name or "") for name in names],
            "extra": extras,
            "kind": np.array([one.kind for one in meanings])[places],
            "status": np.array([one.status for one in meanings])[places],
            "marks": np.array([one.marks for one in meanings])[places],
            "tags": [*map(len, said.tags)],
            "logs": [*map(len, logs)] if logs else 0,
        },
        tags=rows.all_tags(chain.from_iterable(said.tags)),
        logs=chain.from_iterable(logs),
    )
    return True


class _Said(NamedTuple):
    """What the spans of a body say beside ids and times."""

    reporters: list[int]
    tags: list[Collection[tuple[Any, Any]]]
    places: list[int]
    """Of each span in `meanings`."""
    meanings: list[Meaning]
    shared: list[int]
    """The rows of those that say so."""


def _said(
    kinds: Sequence[str | None],
    debugs: Sequence[bool | None],
    shareds: Sequence[bool | None],
    local: Sequence[msgspec.Raw],
    remotes: Sequence[Any],
    tags: list[dict[str, Any]],
    writer: SpanWriter,
) -> _Said | None:
    """None when a local endpoint cannot be read."""
    endpoints = [*map(bytes, local)]
    try:
        read = {sent: msgspec.json.decode(sent) if sent else None for sent in dict.fromkeys(endpoints)}
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    known: dict[tuple[Any, ...], int] = {}
    reporters: dict[bytes, int] = {}
    said = _Said([], [], [], [], [row for row, shared in enumerate(shareds) if shared])
    for kind, debug, shared, endpoint, remote, own in zip(
        kinds, debugs, shareds, endpoints, remotes, tags, strict=True
    ):
        usual = TELLING.isdisjoint(own)
        place = known.get((kind, debug, shared)) if usual else None
        if place is None:
            place = len(said.meanings)
            said.meanings.append(writer.meaning(kind, debug, shared, own))
            if usual:
                known[kind, debug, shared] = place
        said.places.append(place)
        reporter = reporters.get(endpoint) if usual else None
        if reporter is None:
            reporter = writer.reporter_code(own, read[endpoint])
            if usual:
                reporters[endpoint] = reporter
            own.pop(SERVICE_TAG, None)
        said.reporters.append(reporter)
        if kind_text := said.meanings[place].kind_text:
            own[KIND_TAG] = kind_text
        said.tags.append([*own.items(), *endpoint_items(remote, PEER_TAGS)] if remote else own.items())
    return said


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
