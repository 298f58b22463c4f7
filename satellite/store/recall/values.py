"""Which values satisfy a term: texts, distinct tags, the attributes of reporters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.reporter import Reporter
from satellite.model.tag import decode_tag, element_texts, encodings_of, is_complex, text_of
from satellite.model.tags import are_complex, elements_of, texts_of
from satellite.query.limit import check
from satellite.query.plan import Term

Mask = npt.NDArray[np.bool_]

_FEW = 8
"""So many tags are sooner looked at one by one."""

_PIECE_BYTES = 2**20
"""Of texts that a regular expression is held against at once, before the question's time is looked at (ours)."""


def matching(texts: pa.StringArray, term: Term) -> Mask:
    """Which texts satisfy the term, negation aside; None does not. Raises TookTooLong: patterns over long texts take their time."""
    if not term.patterns:
        found = pc.is_in(texts, value_set=pa.array(term.values, pa.string()))
        return np.asarray(found)
    hit = np.zeros(len(texts), np.bool_)
    for pattern in term.patterns:
        for rows in _pieces(texts):
            check()
            matched = pc.match_substring_regex(texts[rows], pattern=rf"\A(?:{pattern})\z")
            hit[rows] |= np.asarray(pc.fill_null(matched, fill_value=False))
    return hit


def names_matching(names: Sequence[str], term: Term) -> Mask:
    """The same of a few names."""
    if term.patterns:
        return matching(pa.array(names, pa.string()), term)
    return np.array([name in term.values for name in names], np.bool_)


def _pieces(texts: pa.StringArray) -> Iterator[slice]:
    """The texts, so many at a time that they are about a piece; at least one."""
    if not len(texts):
        return
    offsets = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    start = 0
    while start < len(texts):
        full = int(np.searchsorted(offsets, int(offsets[start]) + _PIECE_BYTES, side="right")) - 1
        end = min(max(full, start + 1), len(texts))
        yield slice(start, end)
        start = end


def tags_matching(tags: pa.BinaryArray, key: str, term: Term) -> Mask:
    """Which canonical tags, all with this key, satisfy the term, negation aside: by their text or an element of a list."""
    if not term.patterns and len(tags) <= _FEW:
        return np.array([_matches(encoded, key, term.values) for encoded in tags.to_pylist()], np.bool_)
    hit = matching(texts_of(tags, key), term) if term.patterns else _equal(tags, key, term)
    elements = elements_of(tags, key)
    hit[elements.tags[matching(elements.texts, term)]] = True
    return hit


def _matches(encoded: bytes, key: str, values: Sequence[str]) -> bool:
    if is_complex(encoded, key):
        value = decode_tag(encoded)[1]
        return any(text in values for text in (text_of(value), *element_texts(value)))
    return any(encoded in encodings_of(key, value) for value in values)


def _equal(tags: pa.BinaryArray, key: str, term: Term) -> Mask:
    encoded = [encoding for value in term.values for encoding in encodings_of(key, value)]
    found: Mask = np.array(pc.is_in(tags, value_set=pa.array(encoded, pa.binary())))
    odd = np.flatnonzero(are_complex(tags))
    if len(odd):
        found[odd] = matching(texts_of(tags.take(pa.array(odd)), key), term)
    return found


def attributes_matching(reporters: Sequence[Reporter], term: Term) -> Mask:
    """Which reporters have an attribute of the term's key that satisfies it, negation aside."""
    answers = [reporter.answers(term.key) for reporter in reporters]
    owners = np.repeat(np.arange(len(answers)), [len(texts) for texts in answers])
    hit = np.zeros(len(answers), np.bool_)
    texts = pa.array([text for texts in answers for text in texts], pa.string())
    hit[owners[matching(texts, term)]] = True
    return hit
