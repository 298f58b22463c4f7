"""The table of what real clients proved."""

from __future__ import annotations

from pathlib import Path

from tests.interop.matrix import Proof, keep, kept, record, recorded, table

PROOFS = [
    Proof("npm b", "2", "Thrift as JSON", "HTTP", tls=True, aspect="full"),
    Proof("Go a/b", "1", "LightStep protobuf", "gRPC", tls=True, aspect="full"),
    Proof("Go a/b", "1", "LightStep protobuf", "gRPC", tls=False, aspect="full"),
    Proof("Go a/b", "1", "LightStep protobuf", "gRPC", tls=True, aspect="restart"),
]


def test_a_row_for_each_mode_of_each_client(tmp_path: Path) -> None:
    assert kept(tmp_path) == []
    for proof in PROOFS * 2:
        keep(proof, tmp_path)
    assert kept(tmp_path) == sorted(PROOFS)
    record(PROOFS[:2], tmp_path / "proven.jsonl")
    record(PROOFS[1:], tmp_path / "proven.jsonl")
    assert recorded(tmp_path / "proven.jsonl") == kept(tmp_path)
    assert table(recorded(tmp_path / "proven.jsonl")) == (
        "| client | version | protocol | transport | every field | restart |\n"
        "| --- | --- | --- | --- | --- | --- |\n"
        "| Go a/b | 1 | LightStep protobuf | gRPC | TLS, plain | TLS |\n"
        "| npm b | 2 | Thrift as JSON | HTTP | TLS | – |\n"
    )
