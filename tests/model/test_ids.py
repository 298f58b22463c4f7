from __future__ import annotations

import pytest

from satellite.model.ids import hashed, hex_digits
from satellite.protocols.values import read_id

TRACE, SPAN = "7c1e5a90b3d24f6886f0c2d4e6a81b35", "a1b2c3d4e5f60001"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (TRACE, TRACE),
        (f" {TRACE}", TRACE),
        (f"0x{TRACE}", TRACE),
        ("7c1e5a90-b3d2-4f68-86f0-c2d4e6a81b35", TRACE),
        (f"00-{TRACE}-{SPAN}-01", TRACE),
        ("fB5akLPST2iG8MLU5qgbNQ==", TRACE),
        ("obLD1OX2AAE=", SPAN),
        ("b00c0002", "b00c0002"),
        ("", ""),
        ("order-77", f"{hashed('order-77'):016x}"),
    ],
)
def test_the_digits_that_a_text_means(text: str, expected: str) -> None:
    assert hex_digits(text) == expected


def test_a_traceparent_names_its_span_too() -> None:
    assert hex_digits(f"00-{TRACE}-{SPAN}-01", of_span=True) == SPAN


@pytest.mark.parametrize(
    "text", ["order-77", f"0x{TRACE}", "fB5akLPST2iG8MLU5qgbNQ==", "0" * 33, "ä", "step 1"]
)
def test_what_senders_write_finds_what_was_read(text: str) -> None:
    read = read_id(text)
    assert int(hex_digits(text), 16) == (read.high << 64) | read.low
    assert read.text == text
