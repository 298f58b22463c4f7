from __future__ import annotations

from pathlib import Path

import pytest

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.protocols.refused import grpc_code_of, is_final, status_of
from satellite.store.recall.segment_file import DamagedFile


@pytest.mark.parametrize(
    ("refusal", "status", "code"),
    [
        (BadReport("odd"), 400, 3),
        (AccessDenied("who"), 400, 3),
        (TooLarge("long"), 413, 8),
        (Overloaded("later"), 503, 14),
        (StoreFailed("later"), 503, 14),
        (DamagedFile(Path("a.spans"), "cut off"), 503, 14),
    ],
)
def test_who_is_to_send_again_is_told_so(refusal: SatelliteError, status: int, code: int) -> None:
    assert (status_of(refusal), grpc_code_of(refusal)) == (status, code)
    assert is_final(refusal) is (status != 503)
