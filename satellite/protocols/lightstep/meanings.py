"""Tags that mean something beyond themselves in LightStep's protocol: kind, error, status, parent, meta event."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.few_keys import FewKeys
from satellite.model.span import META_EVENT_TAG, PARENT_TAG, TagValue
from satellite.model.spans import Kind, Status
from satellite.model.tag import decode_tag, text_of
from satellite.protocols.values import STATUS_TAG, says_error

Places = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]


def meaningful(tags: pa.BinaryArray, codes: Codes) -> dict[str, Places]:
    """Where in `codes` (positions in `tags`, which are canonical and distinct) such tags are, by key; only keys that are there."""
    found = _KEYS.places(tags)[codes]
    hits = (found >= 0).nonzero()[0]
    which = found[hits]
    return {_KEYS.keys[i]: hits[which == i] for i in np.bincount(which).nonzero()[0].tolist()}


def meanings(key: str, tags: pa.BinaryArray, codes: Codes) -> npt.NDArray[np.uint64]:
    """What the values of these tags mean, which all have this key; each distinct one is read once."""
    meaning = np.zeros(len(tags), np.uint64)
    for code in np.bincount(codes).nonzero()[0].tolist():
        tag = tags[code].as_py()
        meaning[code] = _known(key, tag) if len(tag) <= _CACHED_BYTES else _meaning(key, tag)
    return meaning[codes]


_CACHED_BYTES = 64
"""What is longer is read again each time, so that the cache is bounded in bytes."""


def _meaning(key: str, tag: bytes) -> int:
    return _READ[key](decode_tag(tag)[1])


_known = lru_cache(maxsize=1024)(_meaning)


def _kind(value: TagValue) -> int:
    name = text_of(value).upper()
    return int(Kind[name]) if name in Kind.__members__ else int(Kind.UNSPECIFIED)


def _is_true(value: TagValue) -> int:
    """1 when a tag says yes: true, a number that is not 0, the text "true" in any letter case."""
    return int(value.lower() == "true" if isinstance(value, str) else bool(value))


def hex_id(value: TagValue) -> int:
    """The id that the text of a tag is in hex digits; 0 for any other."""
    text = text_of(value)
    try:
        return int(text, 16) & 0xFFFF_FFFF_FFFF_FFFF
    except ValueError:
        return 0


_READ: dict[str, Callable[[TagValue], int]] = {
    "span.kind": _kind,
    STATUS_TAG: lambda value: int(Status.ERROR) if says_error(value) else int(Status.UNSET),
    "error": lambda value: int(Status.ERROR) if _is_true(value) else int(Status.UNSET),
    META_EVENT_TAG: _is_true,
    PARENT_TAG: hex_id,
}
_KEYS = FewKeys(list(_READ))
