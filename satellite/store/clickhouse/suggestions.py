"""Names that occur among the matching spans: counted by ClickHouse, compared with the text that was typed here.

Letter case is not the same everywhere, so which names contain the text is what the engine in memory says, too.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.reporter import decode_reporter
from satellite.model.span import PARENT_TAG
from satellite.model.tag import key_prefix
from satellite.query.plan import LOG_PREFIX
from satellite.store import DISTINCT_MAX, Suggestion, SuggestionKind
from satellite.store.clickhouse import literal
from satellite.store.clickhouse.columns import WHOLE, batch_of, column_of, numbers_of
from satellite.store.clickhouse.connection import Connection
from satellite.store.clickhouse.predicates import IS_ERROR, UNSHELVED
from satellite.store.clickhouse.shelves import keys_in
from satellite.store.recall.suggestions import log_values, shown_texts

_COUNTS = f"count() AS spans, countIf({IS_ERROR}) AS errors"

_ENTRIES_MAX = 50_000
"""Different values of all keys that are looked at together; where small inserts have many ids there are more (ours)."""


def suggestions(
    connection: Connection, condition: str, kind: SuggestionKind, key: str, text: str, limit: int
) -> list[Suggestion]:
    """What occurs among the spans of a condition, most frequent first; see Questions.suggest."""
    asked = _Asked(connection, condition)
    match kind:
        case "service":
            parts = [asked.named("service")]
        case "operation":
            parts = [asked.named("name")]
        case "key":
            parts = [asked.keys()]
            if text.startswith(LOG_PREFIX):
                parts.append(asked.named("arrayJoin(log_keys)", prefix=LOG_PREFIX))
        case "value":
            parts = [asked.values(key)]
            if key.startswith(LOG_PREFIX):
                parts.append(asked.log_values(key.removeprefix(LOG_PREFIX)))
    found = _most_frequent(parts, text, limit)
    names = [name for name, _, _ in found]
    distinct = asked.distinct(names) if kind == "key" else {}
    return [Suggestion(name, spans, errors, distinct.get(name)) for name, spans, errors in found]


def _most_frequent(parts: Sequence[pa.Table], text: str, limit: int) -> list[tuple[str, int, int]]:
    table = pa.concat_tables(parts)
    table = table.filter(pc.greater(table["spans"], 0))
    if text:
        table = table.filter(pc.match_substring(table["value"], text, ignore_case=True))
    table = table.group_by("value").aggregate([("spans", "sum"), ("errors", "sum")])
    order = [("spans_sum", "descending"), ("value", "ascending")]
    first = table.take(pc.select_k_unstable(table, k=limit, sort_keys=order))
    return list(zip(*(first[name].to_pylist() for name in ("value", "spans_sum", "errors_sum")), strict=True))


class _Asked:
    """Statements about the spans of one condition."""

    def __init__(self, connection: Connection, condition: str) -> None:
        self._connection, self._condition = connection, condition

    def named(self, column: str, *, prefix: str = "") -> pa.Table:
        """Each name in a column."""
        found = self._connection.ask(
            f"SELECT {column} AS name_, {_COUNTS} FROM spans WHERE {self._condition} GROUP BY name_"
        )
        names = column_of(found, "name_").cast(pa.string())
        if prefix:
            names = pa.array([prefix + name for name in names.to_pylist()], pa.string())
        return _counted(names, numbers_of(found, "spans"), numbers_of(found, "errors"))

    def keys(self) -> pa.Table:
        """Each key of tags, but for PARENT_TAG: of the sets of keys that spans have."""
        parts = []
        for column, which in (("key_set", f"NOT ({UNSHELVED})"), ("arrayJoin(keys)", UNSHELVED)):
            found = self._connection.ask(
                f"SELECT {column} AS name_, {_COUNTS} FROM spans WHERE {self._condition} AND {which} GROUP BY name_"
            )
            keys, owners = column_of(found, "name_"), np.arange(found.num_rows)
            if column == "key_set":
                keys, owners = keys_in(keys)
            parts.append(
                _counted(
                    keys.cast(pa.string()),
                    numbers_of(found, "spans")[owners],
                    numbers_of(found, "errors")[owners],
                )
            )
        table = pa.concat_tables(parts)
        return table.filter(pc.not_equal(table["value"], PARENT_TAG))

    def values(self, key: str) -> pa.Table:
        """Each value of a key; of a list its elements."""
        found = self._connection.ask(
            f"SELECT {_last(key)} AS tag, {_COUNTS} FROM spans"
            f" WHERE {self._condition} AND has(keys, {literal.text(key)}) GROUP BY tag"
        )
        texts, owners = shown_texts(column_of(found, "tag"), key)
        return _counted(texts, numbers_of(found, "spans")[owners], numbers_of(found, "errors")[owners])

    def log_values(self, key: str) -> pa.Table:
        """Each value of a field of logs, counted in the spans that have it, which are read."""
        rows = self._connection.ask(
            f"SELECT {', '.join(WHOLE)} FROM spans WHERE {self._condition} AND has(log_keys, {literal.text(key)})"
        )
        texts, counted = log_values(batch_of(rows), key)
        return _counted(texts, counted(None), counted(numbers_of(rows, "status") == 2))

    def distinct(self, keys: Sequence[str]) -> dict[str, int]:
        """How many values each of these keys has, up to DISTINCT_MAX; fields of logs are left out."""
        wanted = [key for key in keys if not key.startswith(LOG_PREFIX)]
        if not wanted:
            return {}
        said, all_said = self._said()
        rare, elsewhere = self._rare_keys(), self._keys_elsewhere()
        counts = {}
        for key in wanted:
            encoded = key.encode("utf-8", "surrogatepass")
            texts = said.get(encoded, set())
            complete = all_said or len(texts) >= DISTINCT_MAX
            # Of a list each element is a value.
            if not complete or key in elsewhere or any(text.startswith(b"[") for text in texts):
                count = len(pc.unique(self.values(key)["value"]))
            else:
                count = len(texts)
                if encoded in rare and count < DISTINCT_MAX:
                    count = len(texts.union(self._rare_texts(key)))
            counts[key] = min(count, DISTINCT_MAX)
        return counts

    def _rare_keys(self) -> set[bytes]:
        """Keys that have values in `tags` alone."""
        found = self._connection.ask(
            f"SELECT DISTINCT arrayJoin(rare_keys) AS key FROM spans WHERE {self._condition}"
        )
        return set(found["key"].to_pylist())

    def _keys_elsewhere(self) -> set[str]:
        """Keys of reporters' attributes, whose values are among the answers, too."""
        found = self._connection.ask(f"SELECT DISTINCT reporter FROM spans WHERE {self._condition}")
        reporters = map(decode_reporter, found["reporter"].to_pylist())
        return {key for reporter in reporters for key, _ in reporter.attributes}

    def _said(self) -> tuple[dict[bytes, set[bytes]], bool]:
        """The texts of each key that are among the answers, of tags, attributes and logs, and whether these are all, or DISTINCT_MAX at least of their key.

        To read the tags would cost three times as much.
        """
        said: dict[bytes, set[bytes]] = {}
        while True:
            enough = [key for key, texts in said.items() if len(texts) >= DISTINCT_MAX]
            prefixes = (literal.text(key_prefix(key.decode("utf-8", "surrogatepass"))) for key in enough)
            others = " AND ".join(["1", *(f"NOT startsWith(entry, {prefix})" for prefix in prefixes)])
            found = self._connection.ask(
                "SELECT entry FROM (SELECT entry FROM"
                f" (SELECT arrayJoin(answers) AS entry FROM spans WHERE {self._condition}) WHERE {others} GROUP BY entry"
                f" SETTINGS max_rows_to_group_by = {_ENTRIES_MAX}, group_by_overflow_mode = 'any')"
            )
            for entry in found["entry"].to_pylist():
                key, text = _parted(entry)
                said.setdefault(key, set()).add(text)
            if found.num_rows < _ENTRIES_MAX:
                return said, True
            if sum(len(texts) >= DISTINCT_MAX for texts in said.values()) == len(enough):
                return said, False

    def _rare_texts(self, key: str) -> list[bytes]:
        """Of the values of a key that are in `tags` alone, DISTINCT_MAX at most."""
        found = self._connection.ask(
            f"SELECT DISTINCT {_last(key)} AS tag FROM spans"
            f" WHERE {self._condition} AND has(rare_keys, {literal.text(key)}) LIMIT {DISTINCT_MAX}"
        )
        texts: list[bytes] = shown_texts(column_of(found, "tag"), key)[0].cast(pa.binary()).to_pylist()
        return texts


def _parted(entry: bytes) -> tuple[bytes, bytes]:
    """Key and text of an entry of the answers; before the key stand a byte and its length, seven bits a byte."""
    size, start = entry[1] & 0x7F, 2
    while entry[start - 1] & 0x80:
        size |= (entry[start] & 0x7F) << 7 * (start - 1)
        start += 1
    return entry[start : start + size], entry[start + size :]


def _last(key: str) -> str:
    """The tag of a key that counts."""
    return f"arrayLast(t -> startsWith(t, {literal.text(key_prefix(key))}), tags)"


def _counted(names: pa.StringArray, spans: np.ndarray, errors: np.ndarray) -> pa.Table:
    columns = {"value": names, "spans": spans.astype(np.int64), "errors": errors.astype(np.int64)}
    return pa.table(columns)
