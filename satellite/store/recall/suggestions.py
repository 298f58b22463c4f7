"""Names that occur among the matching spans: services, operations, tag keys, values of one key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from satellite.model.span import PARENT_TAG
from satellite.model.tags import texts_of
from satellite.query.plan import Plan
from satellite.store import Suggestion, SuggestionKind
from satellite.store.recall.matches import matches, of
from satellite.store.recall.segment import Mask, Segment

Ints = npt.NDArray[np.int64]


def suggest(
    segments: Sequence[Segment], kind: SuggestionKind, plan: Plan, key: str, text: str, limit: int
) -> list[Suggestion]:
    """What occurs among the matches, most frequent first."""
    parts: list[tuple[pa.StringArray, Ints]] = []
    for segment, mask in matches(segments, plan):
        match kind:
            case "service":
                names, of_reporter = segment.services
                rows = of(of_reporter[segment.batch.column("reporter")], mask)
                parts.append((pa.array(names, pa.string()), np.bincount(rows, minlength=len(names))))
            case "operation":
                rows = of(segment.batch.column("name"), mask)
                parts.append((segment.operations, np.bincount(rows, minlength=len(segment.operations))))
            case "key":
                parts.append(_key_counts(segment, mask))
            case "value":
                parts.append(_value_counts(segment, mask, key))
    if not parts:
        return []
    table = pa.table(
        {
            "value": pa.concat_arrays([names for names, _ in parts]),
            "spans": np.concatenate([n for _, n in parts]),
        }
    )
    table = table.filter(pc.greater(table["spans"], 0))
    if text:
        table = table.filter(pc.match_substring(table["value"], text, ignore_case=True))
    table = table.group_by("value").aggregate([("spans", "sum")])
    order = [("spans_sum", "descending"), ("value", "ascending")]
    first = table.take(pc.select_k_unstable(table, k=limit, sort_keys=order))
    return [Suggestion(row["value"], row["spans_sum"]) for row in first.to_pylist()]


def _key_counts(segment: Segment, mask: Mask | None) -> tuple[pa.StringArray, Ints]:
    """Each tag key, and in how many of the rows it occurs; the parent's tag is not shown."""
    keys, counts = segment.index.keys(), segment.index.key_counts(mask)
    shown = np.array([key != PARENT_TAG for key in keys], np.bool_)
    return pa.array([key for key in keys if key != PARENT_TAG], pa.string()), counts[shown]


def _value_counts(segment: Segment, mask: Mask | None, key: str) -> tuple[pa.StringArray, Ints]:
    """Each value of a tag key, and in how many of the rows it is the one that counts."""
    codes = segment.index.codes_of(key)
    if not len(codes):
        return pa.array([], pa.string()), np.empty(0, np.int64)
    return texts_of(segment.tags_at(codes), key), segment.index.value_counts(key, mask)
