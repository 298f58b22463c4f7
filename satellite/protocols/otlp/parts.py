"""What repeats in OTLP requests, each distinct one read once: resources, scopes, statuses; and the names of mesh services."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
from google.protobuf.message import DecodeError

from satellite.model.reporter import UNKNOWN_SERVICE, Reporter
from satellite.model.span import TagValue
from satellite.model.spans import Status
from satellite.model.tag import decode_tag, text_of
from satellite.pb import otlp_shallow_pb2 as shallow
from satellite.protocols.otlp.columns import Extra, FlatTags
from satellite.protocols.otlp.tags import Ints, Mask, read_pair, text
from satellite.protocols.otlp.views import ViewTags, scope_view, status_view, tags_of

PROTOCOL = "otlp"
"""`Reporter.protocol`, whatever the transport and the encoding."""

UNTOLD_SERVICES = ("unknown_service:envoy", UNKNOWN_SERVICE)
"""Service names that give way to Istio's tags."""


MESH_SERVICES_MAX = 2**12
"""Among more values of one of Istio's tags in one call no service is looked for: each that is found is an object. Ours."""

_POD = re.compile(r"-[0-9a-z]{5,10}-[0-9a-z]{5}$")


@dataclass(frozen=True, slots=True)
class Part:
    """A status or a scope, read."""

    extra: Extra
    view: ViewTags
    broken: bool
    status: Status = Status.UNSET


_CACHED_BYTES_MAX = 8192


def cached_status(encoded: bytes) -> Part:
    """As `read_status`; short ones are remembered, since most are one of a few."""
    return _short_status(encoded) if len(encoded) <= _CACHED_BYTES_MAX else read_status(encoded)


@lru_cache(maxsize=256)
def _short_status(encoded: bytes) -> Part:
    return read_status(encoded)


def read_status(encoded: bytes) -> Part:
    """A serialised Status; bytes that are none say nothing of how the span ended."""
    broken: list[bytes] = []
    try:
        message = shallow.Status.FromString(encoded)
    except DecodeError:
        return Part({"malformed_status": encoded}, {}, broken=False)
    extra: Extra = {}
    code = message.code
    if message.deprecated_code:
        extra["deprecated_status_code"] = message.deprecated_code
        code = code or Status.ERROR
    if code not in tuple(Status):
        extra["status_code"] = code
        code = Status.UNSET
    if message.message:
        extra["status_message"] = text(message.message, broken)
    view = tags_of(status_view(code, extra.get("status_message", "")))
    return Part(extra, view, bool(broken), Status(code))


def cached_scope(encoded: bytes, schema_url: bytes) -> Part:
    """As `read_scope`; short ones are remembered, since a process sends its own with every request."""
    if len(encoded) + len(schema_url) > _CACHED_BYTES_MAX:
        return read_scope(encoded, schema_url)
    return _short_scope(encoded, schema_url)


@lru_cache(maxsize=256)
def _short_scope(encoded: bytes, schema_url: bytes) -> Part:
    return read_scope(encoded, schema_url)


def read_scope(encoded: bytes, schema_url: bytes) -> Part:
    """A serialised InstrumentationScope."""
    broken: list[bytes] = []
    scope: Extra = {}
    try:
        message = shallow.Scope.FromString(encoded)
    except DecodeError:
        scope["malformed"] = encoded
        message = shallow.Scope()
    for key in ("name", "version"):
        if value := getattr(message, key):
            scope[key] = text(value, broken)
    if message.attributes:
        scope["attributes"] = _pairs(message.attributes, broken)
    if message.dropped_attributes_count:
        scope["dropped_attributes_count"] = message.dropped_attributes_count
    if schema_url:
        scope["schema_url"] = text(schema_url, broken)
    return Part({"scope": scope} if scope else {}, tags_of(scope_view(scope)), bool(broken))


def _pairs(encoded: Sequence[bytes], broken: list[bytes]) -> list[list[TagValue]]:
    """Attributes as [key, value] in the order sent; a key may come twice."""
    pairs = []
    for attribute in encoded:
        key, value, was_broken = read_pair(attribute)
        if was_broken:
            broken.append(attribute)
        pairs.append([key, value])
    return pairs


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource, read."""

    reporter: Reporter
    broken: bool


def cached_resource(encoded: bytes, schema_url: bytes) -> Resource:
    """As `read_resource`; short ones are remembered, since a process sends its own with every request."""
    if len(encoded) + len(schema_url) > _CACHED_BYTES_MAX:
        return read_resource(encoded, schema_url)
    return _short_resource(encoded, schema_url)


@lru_cache(maxsize=1024)
def _short_resource(encoded: bytes, schema_url: bytes) -> Resource:
    return read_resource(encoded, schema_url)


def read_resource(encoded: bytes, schema_url: bytes) -> Resource:
    """The reporter that a serialised Resource names; bytes that are none give one without attributes."""
    broken: list[bytes] = []
    detail: dict[str, TagValue] = {}
    try:
        message = shallow.Resource.FromString(encoded)
    except DecodeError:
        detail["malformed"] = encoded
        message = shallow.Resource()
    attributes = [(key, value) for key, value in _pairs(message.attributes, broken)]
    values = dict(attributes)
    if message.dropped_attributes_count:
        detail["dropped_attributes_count"] = message.dropped_attributes_count
    if message.entity_refs:
        detail["entity_refs"] = [_entity(ref, broken) for ref in message.entity_refs]
    if schema_url:
        detail["schema_url"] = text(schema_url, broken)
    service = text_of(values.get("service.name")) or text_of(values.get("lightstep.component_name"))
    reporter = Reporter(
        protocol=PROTOCOL,
        service=service or UNKNOWN_SERVICE,
        id=_reporter_id(text_of(values.get("service.instance.id"))),
        attributes=tuple(attributes),
        detail=detail,
    )
    return Resource(reporter, bool(broken))


def _entity(ref: Any, broken: list[bytes]) -> Extra:
    return {
        "schema_url": text(ref.schema_url, broken),
        "type": text(ref.type, broken),
        "id_keys": [text(key, broken) for key in ref.id_keys],
        "description_keys": [text(key, broken) for key in ref.description_keys],
    }


def _reporter_id(instance: str) -> int:
    """A number for a `service.instance.id`: itself when it is 16 hex digits (§10.3), else 64 bits of its hash."""
    if not instance:
        return 0
    if re.fullmatch("[0-9a-f]{16}", instance):
        return int(instance, 16)
    return int.from_bytes(hashlib.blake2b(instance.encode(), digest_size=8).digest(), "big")


MESH_KEYS = ("istio.canonical_service", "istio.namespace", "node_id")
"""Tags of Istio's that say whose span it is."""


def mesh_services(
    codes: Ints,
    untold: Mask,
    known: dict[bytes, Reporter],
    distinct: dict[bytes, int],
    lists: FlatTags,
) -> Ints:
    """Positions of reporters, with those whose service is untold replaced by one named by Istio's tags."""
    combined, values = codes.copy(), []
    for key in MESH_KEYS:
        hits = lists.of(key)
        if len(hits.tags) > MESH_SERVICES_MAX:
            return codes
        which = np.zeros(len(codes), np.int64)
        which[lists.row[hits.slots]] = hits.which + 1
        values.append(["", *(text_of(decode_tag(tag)[1]) for tag in hits.tags.to_pylist())])
        combined = combined * len(values[-1]) + which
    encoded = pa.array(np.where(untold, combined, -1)).dictionary_encode()
    by_code = list(distinct)
    renamed = np.full(len(encoded.dictionary), -1, np.int64)
    for i, number in enumerate(encoded.dictionary.to_pylist()):
        if number < 0:
            continue
        found = []
        for choices in values[::-1]:
            number, place = divmod(number, len(choices))  # noqa: PLW2901 - a number read digit by digit
            found.append(choices[place])
        service = _mesh_service(*found[::-1])
        if service:
            reporter = msgspec.structs.replace(known[by_code[number]], service=service)
            renamed[i] = distinct.setdefault(reporter.encoded, len(distinct))
            known[reporter.encoded] = reporter
    new = renamed[encoded.indices.to_numpy()]
    return np.where(new >= 0, new, codes)


def _mesh_service(canonical: str, namespace: str, node_id: str) -> str:
    """`name.namespace` as Istio itself would have called it; "" when the tags do not say.

    The name is the canonical service or the pod's workload; `node_id` is `sidecar~<ip>~<pod>.<namespace>~<domain>`.
    """
    parts = node_id.split("~")
    pod, _, pod_namespace = (parts[2] if len(parts) == 4 else "").rpartition(".")
    name = canonical if canonical not in ("", "-", "unknown") else _POD.sub("", pod)
    namespace = namespace or pod_namespace
    return f"{name}.{namespace}" if name and namespace else name
