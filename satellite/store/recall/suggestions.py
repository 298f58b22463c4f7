"""Names that occur among the matching spans: services, operations, tag keys, values of one key."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.span import PARENT_TAG
from satellite.model.spans import SpanBatch
from satellite.model.tags import elements_of, order_by_key, texts_of
from satellite.query.plan import ALL, LOG_PREFIX, Plan
from satellite.store import DISTINCT_MAX, Suggestion, SuggestionKind
from satellite.store.distinct import distinct
from satellite.store.recall.fingerprints import digests
from satellite.store.recall.log_fields import row_fields
from satellite.store.recall.matches import matches, of
from satellite.store.recall.segment import Mask, Segment

Ints = npt.NDArray[np.int64]
Count = Callable[[Mask | None], Ints]
"""In how many of a mask's rows each of some names occurs."""

Selected = TypeVar("Selected", pa.Table, pa.RecordBatch)

_NONE = np.empty(0, np.int64)
_DIGESTS = np.empty(0, np.uint64)
_ENOUGH = 4 * DISTINCT_MAX
"""So many tags of a key have DISTINCT_MAX different texts, unless they are lists or numbers in several types."""


def suggest(
    segments: Sequence[Segment], kind: SuggestionKind, plan: Plan, key: str, text: str, limit: int
) -> list[Suggestion]:
    """What occurs among the matches, most frequent first."""
    found = [*matches(segments, plan)]
    if kind == "value":
        return _suggested_values(found, key, text, limit)
    spans, errors = Counter[str](), Counter[str]()
    for segment, mask in found:
        if kind == "service" and plan == ALL and segment.meta_events is None:  # all of its live rows
            for name, counted in segment.service_rows.items():
                spans[name] += counted.rows
                errors[name] += counted.rows - counted.plain
            continue
        for names, counts, failing in _names(segment, mask, kind, text):
            for name, number, wrong in zip(names, counts.tolist(), failing.tolist(), strict=True):
                if number:
                    spans[name] += number
                    errors[name] += wrong
    shown: list[str] = _containing(pa.array(spans, pa.string()), text).to_pylist()
    first = sorted(shown, key=lambda name: (-spans[name], name))[:limit]
    values = _distinct(found, first) if kind == "key" else {}
    return [Suggestion(name, spans[name], errors[name], values.get(name)) for name in first]


def _containing(names: pa.Array, text: str) -> pa.Array:
    """Those that contain the text, letter case aside."""
    return names.filter(pc.match_substring(names, text, ignore_case=True)) if text else names


def _names(
    segment: Segment, mask: Mask | None, kind: SuggestionKind, text: str
) -> Iterator[tuple[Sequence[str], Ints, Ints]]:
    """Names of this kind, in how many of the matching rows each occurs, and how many of those fail."""
    if kind == "service":
        names, of_reporter = segment.services
        service = _codes(of_reporter[segment.batch.column("reporter")], len(names))
        yield names, *_both(service, segment, mask)
    elif kind == "operation":
        operation = _codes(segment.batch.column("name"), len(segment.operations))
        yield segment.operations.to_pylist(), *_both(operation, segment, mask)
    else:
        for known_keys, counted in _keys(segment, text):
            yield known_keys, *_both(counted, segment, mask)


def _both(counted: Count, segment: Segment, mask: Mask | None) -> tuple[Ints, Ints]:
    """How many of the matching rows have each name, and how many of those fail."""
    failing = segment.is_error if mask is None else mask & segment.is_error
    spans = counted(mask)
    return spans, counted(failing) if failing.any() else np.zeros_like(spans)


def _suggested_values(
    found: Sequence[tuple[Segment, Mask | None]], key: str, text: str, limit: int
) -> list[Suggestion]:
    """The same for the values of a key, of which there may be as many as spans."""
    table = _values_of(found, key, text)
    spans = _added_up(table)
    # The first of each batch, then of those: half the time of looking for the first of all.
    near = [_first(batch, limit) for batch in spans.to_batches()]
    first = _first(pa.Table.from_batches(near, spans.schema), limit)
    failing = table.filter(pc.greater(table["errors"], 0))
    failing = failing.filter(pc.is_in(failing["value"], first["value"]))
    errors = Counter[str]()
    for name, number in zip(failing["value"].to_pylist(), failing["errors"].to_pylist(), strict=True):
        errors[name] += number
    names, counts = first["value"].to_pylist(), first["spans"].to_pylist()
    return [Suggestion(name, number, errors[name]) for name, number in zip(names, counts, strict=True)]


def _first(spans: Selected, limit: int) -> Selected:
    """Those that are shown: the most frequent, by their names where they are as frequent."""
    order = [("spans", "descending"), ("value", "ascending")]
    return spans.take(pc.select_k_unstable(spans, k=limit, sort_keys=order))


def _values_of(found: Iterable[tuple[Segment, Mask | None]], key: str, text: str = "") -> pa.Table:
    """`value`, `spans` and `errors` of each segment, where a value that contains `text` occurs."""
    parts = [pa.table({"value": pa.array([], pa.string()), "spans": _NONE, "errors": _NONE})]
    for segment, mask in found:
        for names, counted in _values(segment, key):
            spans, errors = _both(counted, segment, mask)
            parts.append(pa.table({"value": names, "spans": spans, "errors": errors}))
    table = pa.concat_tables(parts)
    there = pc.greater(table["spans"], 0)
    if not pc.all(there).as_py():
        table = table.filter(there)
    return table.filter(pc.match_substring(table["value"], text, ignore_case=True)) if text else table


def _values(segment: Segment, key: str) -> Iterator[tuple[pa.StringArray, Count]]:
    """Values of the key that a segment has, with what counts them."""
    if len(codes := segment.index.codes_of(key)):
        texts, owners = shown_texts(segment.batch.tags_at(codes), key)
        yield texts, lambda mask: segment.index.value_counts(key, mask)[owners]
    if key.startswith(LOG_PREFIX):
        yield log_values(segment.batch, key.removeprefix(LOG_PREFIX))


def _added_up(table: pa.Table) -> pa.Table:
    """`value`, each once, and `spans`: only what has the digest of another is compared with it, the rest is there once."""
    digest = np.concatenate([_DIGESTS, *map(digests, table["value"].chunks)])
    ordered = np.sort(digest)
    again = distinct(ordered[1:][ordered[1:] == ordered[:-1]])
    table = table.select(["value", "spans"])
    if not len(again):
        return table
    several = pa.array(again[np.minimum(np.searchsorted(again, digest), len(again) - 1)] == digest)
    summed = table.filter(several).group_by("value", use_threads=False).aggregate([("spans", "sum")])
    return pa.concat_tables([table.filter(pc.invert(several)), summed.rename_columns(["value", "spans"])])


def _codes(codes: npt.NDArray[Any], size: int) -> Count:
    """Each row has one name, `codes` say which."""
    return lambda mask: np.bincount(of(codes, mask), minlength=size)


def _keys(segment: Segment, text: str) -> Iterator[tuple[Sequence[str], Count]]:
    """Tag keys; the parent's tag is not shown, logs' fields when asked for."""
    keys = segment.index.keys()
    shown = np.array([key != PARENT_TAG for key in keys], np.bool_)
    failing = segment.is_error

    def counted(mask: Mask | None) -> Ints:
        return (segment.key_errors if mask is failing else segment.index.key_counts(mask))[shown]

    yield [key for key in keys if key != PARENT_TAG], counted
    if text.startswith(LOG_PREFIX):
        fields = row_fields(segment.batch)
        log_keys, starts, order = order_by_key(fields.tags)
        key_of = np.empty(len(order), np.int64)
        key_of[order] = np.repeat(np.arange(len(log_keys)), np.diff(starts))
        log_names = [LOG_PREFIX + key for key in log_keys]
        yield log_names, lambda mask: _rows_each(fields.rows, key_of[fields.codes], len(log_keys), mask)


def log_values(batch: SpanBatch, key: str) -> tuple[pa.StringArray, Count]:
    """Values of a field of logs."""
    fields = row_fields(batch, key)
    texts, owners = shown_texts(fields.tags, key)
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
    return names.dictionary, lambda mask: _rows_each(rows, numbers, len(names.dictionary), mask)


def _distinct(found: Sequence[tuple[Segment, Mask | None]], keys: Iterable[str]) -> dict[str, int]:
    """How many values each of these keys has, up to DISTINCT_MAX; what begins like a field of logs is left out.

    Tags are compared as they are written and made into texts once for all segments.
    """
    left = {key for key in keys if not key.startswith(LOG_PREFIX)}
    counts: dict[str, int] = {}
    tags: list[pa.BinaryArray] = []
    for segment, mask in found:
        used = segment.index.used(mask)
        codes = {key: own[used[own]] for key in left for own in [segment.index.codes_of(key)]}
        for key, own in codes.items():
            if len(own) >= _ENOUGH:
                if _differing(segment.batch.tags_at(own[:_ENOUGH]), key) < DISTINCT_MAX:  # lists, for example
                    counts[key] = min(len(pc.unique(_values_of(found, key)["value"])), DISTINCT_MAX)
                else:
                    counts[key] = DISTINCT_MAX
        left -= counts.keys()
        few = [own for key, own in codes.items() if key in left and len(own)]
        tags += [segment.batch.tags_at(np.sort(np.concatenate(few)))] if few else []
    if tags:
        together = pc.unique(pa.chunked_array(tags))
        names, starts, order = order_by_key(together)
        for i, key in enumerate(names):
            own = together.take(pa.array(order[starts[i] : starts[i + 1]]))
            counts.setdefault(key, min(_differing(own, key), DISTINCT_MAX))
    return counts


def _differing(tags: pa.BinaryArray, key: str) -> int:
    """How many different texts are shown for these tags."""
    return len(pc.unique(shown_texts(tags, key)[0]))


def shown_texts(tags: pa.BinaryArray, key: str) -> tuple[pa.StringArray, Ints]:
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
