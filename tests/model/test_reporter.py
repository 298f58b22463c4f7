"""Who sends spans."""

from __future__ import annotations

from satellite.model.reporter import Reporter, decode_reporter


def test_a_reporter_that_was_decoded_keeps_no_second_copy_of_its_bytes() -> None:
    for text in ("small", "x" * 5000):
        encoded = Reporter("otlp", "shop", 7, (("k", text), ("n", 5)), {"schema_url": "s"}).encoded
        decoded = decode_reporter(encoded)
        assert decoded.encoded is encoded
        assert Reporter("otlp", "shop", 7, decoded.attributes, decoded.detail).encoded == encoded
