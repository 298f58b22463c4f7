"""LightStep's view of an OTLP span: what its satellites showed as tags, added so that queries read as they did there."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from satellite.model.span import TagValue
from satellite.model.spans import Kind, Status
from satellite.model.tag import encode_tag
from satellite.model.tags import Codes
from satellite.protocols.otlp.columns import Extra, FlatTags, list_array
from satellite.protocols.otlp.tags import Ints

VIEW_KEYS = (
    "span.kind",
    "error",
    "otel.status_code",
    "otel.status_description",
    "otel.scope.name",
    "otel.scope.version",
)
"""Tags added to spans (wire-protocols.md §10.4), in this order: kind unless unspecified, in lower case; true for
status ERROR; "OK" for status OK; the status message of an ERROR; name and version of the scope unless empty."""

View = dict[str, TagValue]

ViewTags = dict[str, bytes]
"""A view as canonical tags, by their keys."""


def kind_view(kind: int) -> View:
    """The tag that names a kind."""
    return {"span.kind": Kind(kind).name.lower()} if kind else {}


def status_view(code: int, message: str) -> View:
    """The tags that say how a span ended."""
    if code == Status.OK:
        return {"otel.status_code": "OK"}
    if code != Status.ERROR:
        return {}
    return {"error": True, "otel.status_description": message} if message else {"error": True}


def scope_view(scope: Extra) -> View:
    """The tags that name a scope, `scope` as in `extra`."""
    return {f"otel.scope.{key}": scope[key] for key in ("name", "version") if scope.get(key)}


def tags_of(view: View) -> ViewTags:
    """The tags of a view."""
    return {key: encode_tag(key, value) for key, value in view.items()}


KIND_VIEWS = [tags_of(kind_view(kind)) for kind in Kind]


@dataclass(frozen=True, slots=True)
class Views:
    """Tags to add: columns that each say which of a few views a span has; no key is in two columns."""

    parts: list[tuple[Ints, list[ViewTags]]]

    def added(
        self, tags: pa.BinaryArray, lists: FlatTags, tag_lists: pa.ListArray
    ) -> tuple[pa.BinaryArray, pa.ListArray, Ints]:
        """(distinct tags, their positions per span, the keys of VIEW_KEYS that were the span's own, as bits)."""
        rows = len(tag_lists)
        own = np.zeros(rows, np.int64)
        columns: list[Codes] = []
        new: list[bytes] = []
        for bit, key in enumerate(VIEW_KEYS):
            codes, views = next(
                (part for part in self.parts if any(key in view for view in part[1])), (None, None)
            )
            if codes is None or views is None:
                continue
            sent = lists.of(key)
            known = dict(zip(sent.tags.to_pylist(), sent.positions.tolist(), strict=True))
            places = np.full(len(views), -1, np.int32)
            for i, view in enumerate(views):
                if (tag := view.get(key)) is not None:
                    if tag not in known:
                        known[tag] = len(tags) + len(new)
                        new.append(tag)
                    places[i] = known[tag]
            column = places[codes]
            if len(sent.slots):
                has = np.zeros(rows, np.bool_)
                has[lists.row[sent.slots]] = True
                own |= (has & (column >= 0)).astype(np.int64) << bit
                column[has] = -1
            columns.append(column)
        if not columns:
            return tags, tag_lists, own
        matrix = np.stack(columns, axis=1)
        present = matrix >= 0
        sent_counts, counts = np.diff(lists.offsets), present.sum(axis=1)
        offsets = np.concatenate([[0], np.cumsum(sent_counts + counts)])
        flat = np.empty(offsets[-1], np.int32)
        flat[np.arange(len(lists.codes)) + (np.cumsum(counts) - counts)[lists.row]] = lists.codes
        places_of_new = (offsets[:-1] + sent_counts)[:, None] + np.cumsum(present, axis=1) - 1
        flat[places_of_new[present]] = matrix[present]
        return pa.concat_arrays([tags, pa.array(new, pa.binary())]), list_array(offsets, flat), own


OWN_EXTRAS: list[Extra] = [
    {"own": [key for bit, key in enumerate(VIEW_KEYS) if bits >> bit & 1]} if bits else {}
    for bits in range(1 << len(VIEW_KEYS))
]


def is_true(value: TagValue) -> bool:
    """True, a number that is not 0, the text "true" in any letter case (wire-protocols.md §10.2)."""
    return value.lower() == "true" if isinstance(value, str) else bool(value)
