"""`python -m tests.attack --seconds 60 [--only NAME]`: figures of each attack."""

from __future__ import annotations

import argparse

from tests.attack.attacks import ATTACKS, run


def main() -> None:
    """Run them one after another."""
    parser = argparse.ArgumentParser(prog="python -m tests.attack", description=__doc__)
    parser.add_argument("--seconds", type=float, default=10, help="for each attack")
    parser.add_argument("--only", choices=ATTACKS, action="append", help="some of them")
    given = parser.parse_args()
    print(f"{'attack':18} {'sent':>6} {'/_live s':>9} {'report s':>9} {'MiB':>6}  answers")
    for name in given.only or ATTACKS:
        outcome = run(name, given.seconds)
        print(
            f"{name:18} {outcome.sent:6} {outcome.slowest_live_seconds:9.3f} {outcome.slowest_report_seconds:9.3f}"
            f" {outcome.resident_bytes // 2**20:6}  {dict(outcome.statuses)}"
        )


if __name__ == "__main__":
    main()
