"""Names that occur among the matching spans: services, operations, tag keys, values of one key."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from satellite.model.span import PARENT_TAG
from satellite.model.tags import elements_of, order_by_key, texts_of
from satellite.query.plan import LOG_PREFIX, Plan
from satellite.store import Suggestion, SuggestionKind
from satellite.store.distinct import distinct
from satellite.store.recall.log_fields import row_fields
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
                parts.append(_key_counts(segment, mask, text))
            case "value":
                parts.append(_value_counts(segment, mask, key))
                if key.startswith(LOG_PREFIX):
                    parts.append(_log_value_counts(segment, mask, key.removeprefix(LOG_PREFIX)))
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


def _key_counts(segment: Segment, mask: Mask | None, text: str) -> tuple[pa.StringArray, Ints]:
    """Each tag key, and in how many of the rows it occurs; the parent's tag is not shown, logs' fields when asked for."""
    keys, counts = segment.index.keys(), segment.index.key_counts(mask)
    shown = np.array([key != PARENT_TAG for key in keys], np.bool_)
    names, spans = [key for key in keys if key != PARENT_TAG], counts[shown]
    if text.startswith(LOG_PREFIX):
        fields = row_fields(segment.batch)
        log_keys, starts, order = order_by_key(fields.tags)
        key_of = np.empty(len(order), np.int64)
        key_of[order] = np.repeat(np.arange(len(log_keys)), np.diff(starts))
        names += [LOG_PREFIX + key for key in log_keys]
        spans = np.concatenate([spans, _rows_each(fields.rows, key_of[fields.codes], len(log_keys), mask)])
    return pa.array(names, pa.string()), spans


def _value_counts(segment: Segment, mask: Mask | None, key: str) -> tuple[pa.StringArray, Ints]:
    """Each value of a tag key, and in how many of the rows it is the one that counts; of a list its elements."""
    codes = segment.index.codes_of(key)
    if not len(codes):
        return pa.array([], pa.string()), np.empty(0, np.int64)
    tags, counts = segment.tags_at(codes), segment.index.value_counts(key, mask)
    texts, owners = _shown(tags, key)
    return texts, counts[owners]


def _log_value_counts(segment: Segment, mask: Mask | None, key: str) -> tuple[pa.StringArray, Ints]:
    """Each value of a field of logs, and in how many of the rows it occurs."""
    fields = row_fields(segment.batch, key)
    texts, owners = _shown(fields.tags, key)
    names = texts.dictionary_encode()
    by_tag = np.argsort(owners, kind="stable")
    shown = np.bincount(owners, minlength=len(fields.tags))
    first = np.cumsum(shown) - shown
    rows = np.repeat(fields.rows, shown[fields.codes])
    within = np.arange(len(rows)) - np.repeat(
        np.cumsum(shown[fields.codes]) - shown[fields.codes], shown[fields.codes]
    )
    place = by_tag[np.repeat(first[fields.codes], shown[fields.codes]) + within]
    numbers = np.asarray(names.indices)[place].astype(np.int64)
    return names.dictionary, _rows_each(rows, numbers, len(names.dictionary), mask)


def _shown(tags: pa.BinaryArray, key: str) -> tuple[pa.StringArray, Ints]:
    """(texts to show for these tags, the tag of each): the text, or the elements of a list that has any."""
    elements = elements_of(tags, key)
    plain = np.ones(len(tags), np.bool_)
    plain[elements.tags] = False
    texts = pa.concat_arrays([texts_of(tags, key).filter(pa.array(plain)), elements.texts])
    return texts, np.concatenate([np.flatnonzero(plain), elements.tags.astype(np.int64)])


def _rows_each(rows: Ints, numbers: Ints, size: int, mask: Mask | None) -> Ints:
    """In how many of the mask's rows each number below `size` occurs."""
    chosen = slice(None) if mask is None else mask[rows]
    pairs = distinct(rows[chosen] * max(size, 1) + numbers[chosen])
    return np.bincount(pairs % max(size, 1), minlength=size)
