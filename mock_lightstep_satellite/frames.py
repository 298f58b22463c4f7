"""Spans as a table, for those who have pyarrow or pandas: neither is brought by this package."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mock_lightstep_satellite.selector import text_of
from mock_lightstep_satellite.span import Span

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS = ("trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "protocol")
_NUMBERS = ("start_us", "duration_us", "mark")


def to_arrow(spans: Sequence[Span]) -> pa.Table:
    """A row for each span, in their order: ids, names, start_us, duration_us, error, mark, and tags as a map of texts.

    Raises ImportError: there is no pyarrow.
    """
    import pyarrow as pa

    types = {
        **dict.fromkeys(_TEXTS, pa.string()),
        **dict.fromkeys(_NUMBERS, pa.int64()),
        "error": pa.bool_(),
        "tags": pa.map_(pa.string(), pa.string()),
    }
    columns = _columns(spans)
    columns["tags"] = [list(tags.items()) for tags in columns["tags"]]
    return pa.table({name: pa.array(values, types[name]) for name, values in columns.items()})


def to_pandas(spans: Sequence[Span]) -> Any:
    """The same as a DataFrame; tags are a dict in each row, so `frame.join(frame.tags.apply(pd.Series))` has them as columns.

    Raises ImportError: there is no pandas.
    """
    import pandas as pd

    return pd.DataFrame(_columns(spans))


def _columns(spans: Sequence[Span]) -> dict[str, list[Any]]:
    columns: dict[str, list[Any]] = {
        name: [getattr(span, name) for span in spans] for name in (*_TEXTS, *_NUMBERS, "error")
    }
    columns["tags"] = [{key: text_of(value) for key, value in span.tags.items()} for span in spans]
    return columns
