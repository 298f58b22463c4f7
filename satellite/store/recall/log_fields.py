"""The fields of the logs in a batch, by row."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model.logs import LogFields, all_fields, fields_with
from satellite.model.spans import SpanBatch

Ints = npt.NDArray[np.int64]


class RowFields(NamedTuple):
    """Fields of logs as tags; a row has as many as its logs have."""

    rows: Ints
    codes: Ints
    """Positions in `tags`."""
    tags: pa.BinaryArray
    """Distinct and canonical."""


def row_fields(batch: SpanBatch, key: str | None = None) -> RowFields:
    """The field of this key of each log that has it, of a repeated one the last; None: all fields of all logs."""
    lists = batch.array("logs")
    logs = lists.flatten()
    fields: LogFields = all_fields(logs) if key is None else fields_with(logs, key)
    counts: npt.NDArray[Any] = np.diff(lists.offsets.to_numpy())
    row_of = np.repeat(np.arange(len(batch)), counts)
    return RowFields(row_of[fields.logs], fields.codes, fields.tags)
