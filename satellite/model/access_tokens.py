"""Access tokens that come as tags: which keys name one, and how they leave what is kept.

The one rule for all protocols. It works on the distinct tags, names, reporters and extras of a call; logs and references
are looked at only when the bytes of one hold such a key.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from satellite.model import compute as pc
from satellite.model.report import Decoded, Report
from satellite.model.reporter import Reporter, decode_reporter
from satellite.model.spans import SCHEMA, SpanBatch, decode_extra
from satellite.model.tag import MALFORMED_KEY, JsonText, decode_tag, encode_tag, text_of
from satellite.pb import satellite_model_pb2 as pb

_BETWEEN = "(?:%[0-9a-f]{2}|[^a-z0-9]){0,4}"
"""Separators, also as URLs write them."""
_NAME = f"access{_BETWEEN}token"
# Patterns are compiled when first needed: hardly ever, and all would take a thirtieth of a start.
_TOKEN = f"(?i)((lightstep|ls){_BETWEEN})?{_NAME}"
_SECRET = f"(?is)(.*[^a-z0-9])?(lightstep|ls){_BETWEEN}{_NAME}|(join:)?{_NAME}"
_LETTERS = len("accesstoken")
_NAMING = ("name", "key", "Name", "Key")
"""Of a map that is a key and a value."""
_NESTED_MAX = 64
_SUREST = 2

REMOVED = "(removed)"
"""In a text, in place of a token."""

_QUOTED = (
    r"""(?P<quote>\\{0,8}["'])(?P<key>[^"'\\]{0,200})(?P=quote)\s{0,16}[:=]\s{0,16}(?:\[\s{0,16})?\\{0,8}["']"""
    r"""(?P<token>[^"'\\]+)"""
)
_SAID = (
    rf"""(?i)(?:lightstep|(?<![a-z0-9])ls){_BETWEEN}{_NAME}(?:\s{{0,16}}[:=]|%3D)\s{{0,16}}\\{{0,8}}["']?"""
    rf"""(?P<token>[^\s"'\\&,;)}}\]<>]+)"""
)
_FLAG = rf"(?i)-(?:lightstep|ls){_BETWEEN}{_NAME}\s{{1,16}}(?P<token>[^\s\"'-][^\s\"']*)"
"""Of a command line."""
_KEY = rf"""(?:(?:[^\s<>"'=]{{0,100}}[^a-z0-9<>"'=])?(?:lightstep|ls){_BETWEEN}{_NAME}|{_NAME})"""
"""What `is_secret`, within other texts."""
_IS = r"\s{0,16}=\s{0,16}"
_MARKUP = (
    rf"""(?i)(?:(?:<|&lt;)(?:[\w.-]{{1,60}}:)?{_KEY}(?:\s[^<>]{{0,200}})?(?:>|&gt;)"""  # an element of that name
    rf"""|<[^<>]{{0,200}}\s{_KEY}{_IS}["']"""  # an attribute
    rf"""|\s(?:name|key){_IS}["']{_KEY}["'](?:[^<>]{{0,200}}\svalue{_IS}["']|[^<>]{{0,200}}>)"""
    rf"""|>\s{{0,16}}{_KEY}\s{{0,16}}</[^<>]{{0,100}}>\s{{0,16}}<[^<>/]{{0,200}}>)"""  # <key>…</key><value>
    rf"""\s{{0,16}}(?:<!\[CDATA\[)?\s{{0,16}}(?P<token>[^<>"'&\]\s][^<>"'&\]]*)"""
)
_VALUE_FIRST = (
    rf"""(?i)\svalue{_IS}["'](?P<token>[^"'<>]{{1,1000}})["']\s{{1,16}}(?:name|key){_IS}["']{_KEY}["']"""
)
_IN_PATH = rf"(?i)(?<![^/;?&,]){_KEY}(?:=|%3D|:|/)(?P<token>[^/;?&\s]+)"
_LIKE_ONE = r"\b(?=[A-Za-z]*[0-9])(?=[0-9]*[A-Za-z])(?P<token>[A-Za-z0-9]{20,})"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    """Once: what `re` remembers itself is pushed out by others' patterns."""
    return re.compile(pattern)


def is_secret(key: str) -> bool:
    """Whether the value of this key is an access token, so that it is not kept.

    `access_token` and `lightstep.access_token` in any letter case and with any separators; before the latter anything
    may stand, as where an instrumentation writes headers as tags.
    """
    return _compiled(_SECRET).fullmatch(key) is not None


def without_token(text: str) -> str:
    """A text with `REMOVED` in place of the tokens that it tells with their names.

    In JSON, XML, or what is printed of a dict, that is the value of each key that `is_secret`; elsewhere (a URL, a list
    of headers, a command line) what stands behind LightStep's name for it.
    """

    def quoted(found: re.Match[str]) -> str:
        return _cut(found) if is_secret(found["key"]) else found[0]

    text = _compiled(_FLAG).sub(_cut, _compiled(_SAID).sub(_cut, _compiled(_QUOTED).sub(quoted, text)))
    if ">" in text or "&gt;" in text:
        text = _compiled(_VALUE_FIRST).sub(_cut, _compiled(_MARKUP).sub(_cut, text))
    return text


def path_without_token(path: str) -> str:
    """The path of a request that may be nobody's, without what is a token there by its name, or looks like one."""
    return _compiled(_LIKE_ONE).sub(_cut, _compiled(_IN_PATH).sub(_cut, without_token(path)))


def _cut(found: re.Match[str]) -> str:
    start, end = (place - found.start() for place in found.span("token"))
    return found[0][:start] + REMOVED + found[0][end:]


def _strength(key: str, *, bare: bool) -> int:
    """How surely the value is this sender's own token for us: 0 for not at all."""
    said = _compiled(_TOKEN).fullmatch(key)
    if said is None:
        return 0
    return _SUREST if said[1] else int(bare)


def without_tokens(decoded: Decoded, *, bare: bool = False) -> Decoded:
    """The same spans and reports without the tokens among their tags; a report without a token gets the one found.

    The reporter's attributes come first, then the tags of spans, in order.

    Args:
        decoded: what a codec made; its reports are changed in place.
        bare: whether `access_token`, without LightStep's name, means the sender's token in this protocol. It is
            removed in any case.
    """
    batch = decoded.batch
    reports = [report for report in decoded.reports if isinstance(report, Report)]
    if _may_hold(b"".join({report.reporter.encoded for report in reports})):
        for report in reports:
            _take(report, report.reporter.attributes, bare=bare)
            report.reporter = _clean_reporter(report.reporter)
    if len(hits := _holding(batch.reporters)):
        found = {int(hit): decode_reporter(batch.reporters[hit].as_py()).attributes for hit in hits}
        codes = batch.column("reporter")
        for report in reports:
            for code in dict.fromkeys(codes[report.rows].tolist()):
                _take(report, found.get(code, ()), bare=bare)
        batch = _recoded(
            batch,
            "reporters",
            "reporter",
            hits,
            lambda entry: _clean_reporter(decode_reporter(entry)).encoded,
        )
    if len(hits := _holding(batch.names)):
        batch = _recoded(batch, "names", "name", hits, _clean_bytes)
    if len(hits := _holding(batch.extras)):
        batch = _recoded(batch, "extras", "extra", hits, _clean_extra)
    if len(hits := _holding(batch.tags)):
        batch = _without_tags(batch, reports, hits, bare=bare)
    for column, clean in (("logs", _clean_log), ("references", _clean_reference)):
        batch = _cleaned_lists(batch, column, clean)
    return decoded if batch is decoded.batch else Decoded(batch, decoded.reports)


def _take(report: Report, attributes: Any, *, bare: bool) -> None:
    """Let the surest of some attributes be the report's token, when it has none yet."""
    if report.token:
        return
    chosen: dict[int, str] = {}
    for key, value in attributes:
        if (sure := _strength(key, bare=bare)) and (text := text_of(value)):
            chosen.setdefault(sure, text)
            if sure == _SUREST:
                break
    report.token = chosen.get(_SUREST) or chosen.get(1, "")


def _holding(values: pa.BinaryArray) -> npt.NDArray[np.int64]:
    """Positions of the entries in whose bytes such a key may be; nearly always none, which is told at once."""
    data = values.buffers()[2]
    if data is None or data.size < _LETTERS or not _may_hold(data):
        return np.empty(0, np.int64)
    return np.flatnonzero(
        pc.match_substring_regex(values, _NAME, ignore_case=True).to_numpy(zero_copy_only=False)
    )


def _may_hold(data: bytes | pa.Buffer) -> bool:
    """Whether the letters of such a key are anywhere in these bytes."""
    lower = (np.frombuffer(data, np.uint8) | np.uint8(0x20)).tobytes()
    return b"access" in lower and b"token" in lower


# Entries


def _clean(value: Any, depth: int = 0) -> Any:
    """A value without such keys in its maps, and without what its lists have behind or beside them."""
    if depth > _NESTED_MAX:
        return None
    if isinstance(value, dict):
        kept = {
            key: _clean(inner, depth + 1)
            for key, inner in value.items()
            if not (is_secret(key) or (key == "malformed" and isinstance(inner, bytes)))
        }
        return (
            {key: kept[key] if key in _NAMING else REMOVED for key in kept}
            if _is_secret_pair(value)
            else kept
        )
    if isinstance(value, list | tuple):
        is_pair = len(value) == 2 and isinstance(value[0], str)
        listed = [_clean(inner, depth + 1) for inner in value if is_pair or not _is_secret_pair(inner)]
        for place, name in enumerate(listed[:-1], 1):
            if isinstance(name, str) and is_secret(name):
                listed[place] = REMOVED
        return listed
    return without_token(value) if isinstance(value, str) else value


def _clean_bytes(text: bytes) -> bytes:
    said = text.decode("utf-8", "surrogateescape")
    return without_token(said).encode("utf-8", "surrogateescape")


def _is_secret_pair(value: Any) -> bool:
    """A key and a value of a list, or the map of such, as headers are written."""
    if isinstance(value, dict):
        name = next((inner for key, inner in value.items() if key in _NAMING), None)
    else:
        name = value[0] if isinstance(value, list) and len(value) == 2 else None
    return isinstance(name, str) and is_secret(name)


def _clean_extra(encoded: bytes) -> bytes:
    kept = _clean(decode_extra(encoded))
    return msgspec.msgpack.encode(kept) if kept else b""


def _clean_reporter(reporter: Reporter) -> Reporter:
    attributes = tuple((key, _clean(value)) for key, value in reporter.attributes if not is_secret(key))
    detail = _clean(reporter.detail)
    return msgspec.structs.replace(
        reporter, service=without_token(reporter.service), attributes=attributes, detail=detail
    )


def _clean_tag(encoded: bytes) -> bytes | None:
    """The tag without what is secret in it; None when nothing is left. Bytes that were no tag are not kept."""
    key, value = decode_tag(encoded)
    if is_secret(key) or key == MALFORMED_KEY:
        return None
    named, key = key, without_token(key)
    if isinstance(value, dict | list):
        return encode_tag(key, _clean(value))
    clean = without_token(value) if isinstance(value, str) else value
    if clean == value and key == named:
        return encoded
    is_json = pb.Tag.FromString(encoded).WhichOneof("value") == "json_value"
    return encode_tag(key, JsonText(clean) if is_json else clean)


def _clean_log(encoded: bytes) -> bytes:
    log = pb.Log.FromString(encoded)
    fields = [clean for field in log.fields if (clean := _clean_tag(field)) is not None]
    del log.fields[:]
    log.fields.extend(fields)
    log.name = _clean_bytes(log.name)
    return log.SerializeToString()


def _clean_reference(encoded: bytes) -> bytes:
    reference = pb.Reference.FromString(encoded)
    attributes = [clean for tag in reference.attributes if (clean := _clean_tag(tag)) is not None]
    del reference.attributes[:]
    reference.attributes.extend(attributes)
    reference.trace_state = _clean_bytes(reference.trace_state)
    return reference.SerializeToString()


# Columns


def _replaced(
    values: pa.BinaryArray, hits: npt.NDArray[np.int64], entries: pa.BinaryArray
) -> tuple[pa.BinaryArray, npt.NDArray[np.int32]]:
    """(the distinct entries with others in these places, where each old position is now)."""
    encoded = _with_entries(values, hits, entries).dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def _with_entries(
    values: pa.BinaryArray, hits: npt.NDArray[np.int64], entries: pa.BinaryArray
) -> pa.BinaryArray:
    there = np.zeros(len(values), np.bool_)
    there[hits] = True
    return pc.replace_with_mask(values, pa.array(there), entries)


def _with_column(batch: SpanBatch, name: str, column: pa.Array) -> pa.RecordBatch:
    return batch.rows.set_column(SCHEMA.get_field_index(name), SCHEMA.field(name), column)


def _recoded(
    batch: SpanBatch,
    dictionary: str,
    column: str,
    hits: npt.NDArray[np.int64],
    clean: Callable[[bytes], bytes],
) -> SpanBatch:
    values = getattr(batch, dictionary)
    distinct, moved = _replaced(
        values, hits, pa.array([clean(values[hit].as_py()) for hit in hits.tolist()], pa.binary())
    )
    rows = _with_column(batch, column, pa.array(moved[batch.column(column)], pa.int32()))
    return replace(batch, **{"rows": rows, dictionary: distinct})


def _without_tags(
    batch: SpanBatch, reports: list[Report], hits: npt.NDArray[np.int64], *, bare: bool
) -> SpanBatch:
    clean = pa.array((_clean_tag(batch.tags[hit].as_py()) for hit in hits.tolist()), pa.binary())
    lists = batch.array("tags")
    offsets = np.asarray(lists.offsets).astype(np.int64) - lists.offsets[0].as_py()
    codes = np.asarray(lists.flatten())
    for report in reports:
        own = codes[offsets[report.rows.start] : offsets[report.rows.stop]]
        named = dict.fromkeys(own[np.isin(own, hits)].tolist())
        _take(report, (decode_tag(batch.tags[code].as_py()) for code in named), bare=bare)
    stays = np.ones(len(batch.tags), np.bool_)
    stays[hits] = clean.is_valid().to_numpy(zero_copy_only=False)
    distinct, moved = _replaced(batch.tags, hits, clean.fill_null(b""))
    used = np.zeros(len(distinct), np.bool_)
    used[moved[stays]] = True
    rank = np.cumsum(used, dtype=np.int32) - 1
    kept = stays[codes]
    ends = np.concatenate([[0], np.cumsum(kept)])[offsets].astype(np.int32)
    column = pa.ListArray.from_arrays(pa.array(ends), pa.array(rank[moved[codes[kept]]], pa.int32()))
    return replace(batch, rows=_with_column(batch, "tags", column), tags=distinct.filter(pa.array(used)))


def _cleaned_lists(batch: SpanBatch, name: str, clean: Callable[[bytes], bytes]) -> SpanBatch:
    lists = batch.array(name)
    if not len(_holding(lists.values)) or not len(hits := _holding(values := lists.flatten())):
        return batch
    entries = pa.array((clean(values[hit].as_py()) for hit in hits.tolist()), pa.binary())
    offsets = np.asarray(lists.offsets) - lists.offsets[0].as_py()
    column = pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), _with_entries(values, hits, entries))
    return replace(batch, rows=_with_column(batch, name, column))
