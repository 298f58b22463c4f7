"""`python -m tests.attack --seconds 60 [--only NAME] [--engine grpcio]`: figures of each attack and flood."""

from __future__ import annotations

import argparse

from tests.attack.attacks import ATTACKS, run
from tests.attack.floods import FLOODS, flood


def main() -> None:
    """Run them one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each attack")
    parser.add_argument("--only", choices=[*ATTACKS, *FLOODS], action="append", help="some of them")
    parser.add_argument("--engine", choices=("edge", "grpcio"), default="edge", help="that is flooded")
    given = parser.parse_args()
    wanted = given.only or [*ATTACKS, *FLOODS]
    print(f"{'attack':18} {'sent':>6} {'/_live s':>9} {'report s':>9} {'MiB':>6}  answers")
    for name in filter(ATTACKS.__contains__, wanted):
        outcome = run(name, given.seconds)
        print(
            f"{name:18} {outcome.sent:6} {outcome.slowest_live_seconds:9.3f} {outcome.slowest_report_seconds:9.3f}"
            f" {outcome.resident_bytes // 2**20:6}  {dict(outcome.statuses)}"
        )
    print(f"{'flood':20} {'HTTP/1 ms':>10} {'gRPC ms':>8} {'MiB':>5} {'sent MiB':>9} {'begun':>6}  traps")
    for name in filter(FLOODS.__contains__, wanted):
        harm = flood(name, given.seconds, grpc_engine=given.engine)
        print(
            f"{name:20} {harm.median_ms('HTTP/1'):10.1f} {harm.median_ms('gRPC'):8.1f} {harm.resident_bytes // 2**20:5}"
            f" {harm.sent_bytes // 2**20:9} {harm.begun:6}  {harm.traps}"
        )


if __name__ == "__main__":
    main()
