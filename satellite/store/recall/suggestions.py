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
from satellite.store.recall.tag_index import flat_codes, tag_rows

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
    if len(table) > limit:  # all that could be among the first `limit`, so that only those are sorted by name
        least = np.partition(table["spans_sum"].to_numpy(), len(table) - limit)[len(table) - limit]
        table = table.filter(pc.greater_equal(table["spans_sum"], pa.scalar(least)))
    table = table.sort_by([("spans_sum", "descending"), ("value", "ascending")]).slice(0, limit)
    return [Suggestion(row["value"], row["spans_sum"]) for row in table.to_pylist()]


def _key_counts(segment: Segment, mask: Mask | None) -> tuple[pa.StringArray, Ints]:
    """Each tag key, and in how many of the rows it occurs; the parent's tag is not shown."""
    keys = [key for key in segment.index.keys() if key != PARENT_TAG]  # noqa: SIM118 - a method of ours
    of_code = np.full(len(segment.batch.tags), -1, np.int64)
    for i, key in enumerate(keys):
        of_code[segment.index.codes_of(key)] = i
    codes = of_code[flat_codes(segment.batch)]
    shown = codes >= 0 if mask is None else (codes >= 0) & mask[tag_rows(segment.batch)]
    counts = np.bincount(codes[shown], minlength=len(keys))
    for key in segment.index.repeated - {PARENT_TAG}:  # such a key counts once per span
        rows, _ = segment.index.occurrences(key)
        counts[keys.index(key)] = len(rows) if mask is None else np.count_nonzero(mask[rows])
    return pa.array(keys, pa.string()), counts


def _value_counts(segment: Segment, mask: Mask | None, key: str) -> tuple[pa.StringArray, Ints]:
    """Each value of a tag key, and in how many of the rows it is the one that counts."""
    codes = segment.index.codes_of(key)
    if not len(codes):
        return pa.array([], pa.string()), np.empty(0, np.int64)
    rows, last = segment.index.occurrences(key)
    chosen = last if mask is None else last[mask[rows]]
    counts = np.bincount(np.searchsorted(codes, chosen), minlength=len(codes))
    return texts_of(segment.tags_at(codes), key), counts
