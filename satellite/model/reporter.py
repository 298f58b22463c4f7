"""Who sends spans: a process with its attributes, shared by all spans of its reports."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property, lru_cache
from hashlib import blake2b

import msgspec

from satellite.model.span import TagValue
from satellite.model.tag import element_texts, encode_tag, text_of

UNKNOWN_SERVICE = "unknown_service"


class Reporter(msgspec.Struct, frozen=True, omit_defaults=True, array_like=True, dict=True):
    """The process that sends (an OTLP resource); each span of a batch names one."""

    protocol: str
    """The WireProtocol's name."""
    service: str = UNKNOWN_SERVICE
    id: int = 0
    """64 bits, unsigned; 0 when the protocol has none."""
    attributes: tuple[tuple[str, TagValue], ...] = ()
    """In the order sent; of a repeated key the last counts."""
    detail: dict[str, TagValue] = msgspec.field(default_factory=dict)
    """What only some protocols have: schema URL, dropped counts, runtime guid."""

    def attribute(self, key: str) -> TagValue:
        """The attribute's value, None when it is not there."""
        return dict(self.attributes).get(key)

    def texts(self) -> dict[str, str]:
        """Every attribute as canonical text, for queries."""
        return {key: text_of(value) for key, value in self.attributes}

    def answers(self, key: str) -> list[str]:
        """The canonical texts by which a query finds this attribute: its own, and those of a list's elements."""
        attributes = dict(self.attributes)
        if key not in attributes:
            return []
        return [text_of(attributes[key]), *element_texts(attributes[key])]

    def process_key(self) -> int:
        """64 bits that say which process of which service it is: equal for the same one in any order of attributes.

        The protocol and `detail` do not count: they belong to the sending.
        """
        attributes = sorted(encode_tag(key, value) for key, value in dict(self.attributes).items())
        said = msgspec.msgpack.encode((self.service, self.id, attributes))
        return int.from_bytes(blake2b(said, digest_size=8).digest())

    def fits(self, other: Reporter) -> bool:
        """Whether the two may be one process: nothing that both say differs."""
        here, there = dict(self.attributes), dict(other.attributes)
        return (
            (self.service == other.service or UNKNOWN_SERVICE in (self.service, other.service))
            and (self.id == other.id or not self.id or not other.id)
            and all(here[key] == there[key] for key in here.keys() & there.keys())
        )

    @cached_property
    def encoded(self) -> bytes:
        """The entry of `SpanBatch.reporters`; equal reporters have equal bytes."""
        return _ENCODER.encode(self)


def distinct_reporters(reporters: Iterable[Reporter]) -> tuple[list[int], list[bytes]]:
    """(position of each among the distinct ones, their entries of `SpanBatch.reporters`)."""
    distinct: dict[bytes, int] = {}
    known: dict[int, int] = {}
    places: list[int] = []
    for reporter in reporters:
        place = known.get(id(reporter), -1)
        if place < 0:
            place = known[id(reporter)] = distinct.setdefault(reporter.encoded, len(distinct))
        places.append(place)
    return places, list(distinct)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Reporter)


_CACHED_BYTES = 4096
"""Larger ones are decoded again each time, so that the cache is bounded in bytes."""


def _decoded(encoded: bytes) -> Reporter:
    reporter = _DECODER.decode(encoded)
    reporter.__dict__["encoded"] = encoded  # the same bytes, not a second copy of them
    return reporter


_cached = lru_cache(maxsize=4096)(_decoded)


def decode_reporter(encoded: bytes) -> Reporter:
    """The Reporter behind one entry of `SpanBatch.reporters`."""
    return _cached(encoded) if len(encoded) <= _CACHED_BYTES else _decoded(encoded)
