"""`python -m tests.attack --seconds 60 [--only NAME] [--floods] [--engine grpcio] [--keep FILE]`: figures of each attack and flood."""

from __future__ import annotations

import argparse
import os
import platform
from pathlib import Path

from tests.attack.attacks import ATTACKS, run
from tests.attack.crowd import ADDRESSES, SENDERS, crowd
from tests.attack.floods import CONNECTIONS, FLOODS, Harm, flood

CROWD = "crowd"


def main() -> None:
    """Run them one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each attack")
    parser.add_argument("--only", choices=[*ATTACKS, *FLOODS, CROWD], action="append", help="some of them")
    parser.add_argument("--floods", action="store_true", help="only the floods")
    parser.add_argument("--engine", choices=("edge", "grpcio"), default="edge", help="that is flooded")
    parser.add_argument(
        "--keep", type=Path, metavar="FILE", help="write the floods' table there, as Markdown"
    )
    given = parser.parse_args()
    wanted = given.only or [*([] if given.floods else [*ATTACKS, CROWD]), *FLOODS]
    attacks = [name for name in ATTACKS if name in wanted]
    if attacks:
        print(f"{'attack':18} {'sent':>6} {'/_live s':>9} {'report s':>9} {'MiB':>6}  answers")
    for name in attacks:
        outcome = run(name, given.seconds)
        print(
            f"{name:18} {outcome.sent:6} {outcome.slowest_live_seconds:9.3f} {outcome.slowest_report_seconds:9.3f}"
            f" {outcome.resident_bytes // 2**20:6}  {dict(outcome.statuses)}"
        )
    harms: dict[str, Harm] = {}
    print(f"{'flood':20} {'HTTP/1 ms':>10} {'gRPC ms':>8} {'MiB':>5} {'sent MiB':>9} {'begun':>6}  traps")
    for name in filter(wanted.__contains__, FLOODS):
        harm = harms[name] = flood(name, given.seconds, grpc_engine=given.engine)
        print(
            f"{name:20} {harm.median_ms('HTTP/1'):10.1f} {harm.median_ms('gRPC'):8.1f} {harm.resident_bytes // 2**20:5}"
            f" {harm.sent_bytes // 2**20:9} {harm.begun:6}  {harm.traps}",
            flush=True,
        )
    if given.keep is not None:
        given.keep.write_text(table(harms, given.seconds, given.engine), "utf-8")
    if CROWD in wanted:
        _show_crowd(given.seconds)


def table(harms: dict[str, Harm], seconds: float, engine: str) -> str:
    """What the floods did, as Markdown."""
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    lines = [
        f"# Floods ({engine})",
        "",
        f"{seconds:g} s each: {CONNECTIONS} connections of one flood from an address of its own, while two others report the same span again",
        "and again, one after the other: over HTTP/1 and by gRPC. Medians in ms, as they see them; MiB: the most that the satellite took.",
        f"Python {platform.python_version()}, {os.cpu_count()} processors, load afterwards {load} (1, 5 and 15 minutes).",
        "",
        "| flood | HTTP/1 | gRPC | reports | MiB | sent MiB | connections | traps |",
        "| --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, harm in harms.items():
        traps = ", ".join(f"{kind} {count}" for kind, count in sorted(harm.traps.items()))
        reports = sum(map(len, harm.seconds.values()))
        lines.append(
            f"| {name} | {harm.median_ms('HTTP/1'):.1f} | {harm.median_ms('gRPC'):.1f} | {reports} | {harm.resident_bytes >> 20} |"
            f" {harm.sent_bytes >> 20} | {harm.begun} | {traps} |"
        )
    return "\n".join(lines) + "\n"


def _show_crowd(seconds: float) -> None:
    print(f"{SENDERS} large reports at once, from {ADDRESSES} addresses")
    print(
        f"{'when':8} {'spans/s':>8} {'satellite µs a span':>20} {'senders µs':>11} {'others p99 ms':>14}  answers"
    )
    harm = crowd(seconds)
    for when, outcome in (("before", harm.before), ("crowd", harm.crowd)):
        print(
            f"{when:8} {outcome.spans_per_second:8.0f} {outcome.satellite_us:20.2f} {outcome.senders_us:11.2f}"
            f" {outcome.small_p99_ms:14.0f}  {dict(outcome.statuses)} {dict(outcome.refusals)}"
        )
    print(f"{'after':8} {'':8} {'':20} {'':11} {harm.after.small_p99_ms:14.0f}")


if __name__ == "__main__":
    main()
