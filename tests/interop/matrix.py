"""What real clients proved: one line of JSON for each test that passed, and the table made of them.

`python -m tests.interop.matrix` prints the table of what ran here; with `--write` it adds that to the record,
proven.jsonl, from where the docs take it (they are made where no client runs). A version that is tried no more is taken
out by hand.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.interop.processes import ROOT

RESULTS = ROOT / ".interop/results"
RECORD = ROOT / "tests/interop/proven.jsonl"

ASPECTS = {
    "full": "every field",
    "counters": "drop counters",
    "token": "token → project",
    "restart": "restart",
    "resent": "re-sent once",
    "browser": "in a browser",
}
"""What a test can prove of a client, in the order of the table, and its heading's words."""


@dataclass(frozen=True, order=True)
class Proof:
    """One aspect of one client that a test has seen to hold."""

    client: str
    """Its registry and name."""
    version: str
    protocol: str
    """What it sends, for people."""
    transport: str
    tls: bool
    aspect: str
    """A key of ASPECTS."""


def keep(proof: Proof, folder: Path = RESULTS) -> None:
    """Write it down; the same proof again changes nothing."""
    folder.mkdir(parents=True, exist_ok=True)
    words = (
        proof.client,
        proof.version,
        proof.protocol,
        proof.transport,
        "tls" if proof.tls else "plain",
        proof.aspect,
    )
    name = "-".join("".join(c if c.isalnum() else "-" for c in word).strip("-") for word in words)
    folder.joinpath(f"{name}.json").write_text(_line(proof))


def kept(folder: Path = RESULTS) -> list[Proof]:
    """All that is written down, ordered; nothing when no test ran."""
    return sorted(Proof(**json.loads(file.read_text())) for file in folder.glob("*.json"))


def recorded(file: Path = RECORD) -> list[Proof]:
    """What is on record, ordered."""
    return sorted(Proof(**json.loads(line)) for line in file.read_text().splitlines())


def record(proofs: Iterable[Proof], file: Path = RECORD) -> None:
    """Add it to the record."""
    on_record = recorded(file) if file.exists() else []
    file.write_text("".join(_line(proof) for proof in sorted({*on_record, *proofs})))


def _line(proof: Proof) -> str:
    return json.dumps(asdict(proof), ensure_ascii=False, sort_keys=True) + "\n"


def table(proofs: Iterable[Proof]) -> str:
    """A Markdown table, a row for each client in each of its modes; a cell says how it was connected."""
    rows: dict[tuple[str, str, str, str], dict[str, set[str]]] = {}
    for proof in sorted(proofs):
        row = rows.setdefault((proof.client, proof.version, proof.protocol, proof.transport), {})
        row.setdefault(proof.aspect, set()).add("TLS" if proof.tls else "plain")
    shown = [aspect for aspect in ASPECTS if any(aspect in cells for cells in rows.values())]
    heads = ["client", "version", "protocol", "transport", *(ASPECTS[aspect] for aspect in shown)]
    lines = [heads, ["---"] * len(heads)]
    for row_heads, cells in sorted(rows.items()):
        lines.append([*row_heads, *(", ".join(sorted(cells.get(aspect, ()))) or "–" for aspect in shown)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        record(kept())
    print(table(kept()), end="")
