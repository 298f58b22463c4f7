"""`python -m bench`: ask the questions, print a table for each, keep the numbers in results/."""

from __future__ import annotations

import argparse
import sys
import time

from bench import (
    duplicates,
    edges,
    engine,
    figures,
    ingest,
    keeping,
    kit,
    memory,
    overload,
    pages,
    peers,
    protocols,
    queries,
    receivers,
    start,
    steady,
    transport,
    waiting,
    wakeup,
)
from bench.workbench import Workbench

QUESTIONS = {
    "start": start,
    "ingest": ingest,
    "receivers": receivers,
    "protocols": protocols,
    "edges": edges,
    "transport": transport,
    "memory": memory,
    "queries": queries,
    "wakeup": wakeup,
    "waiting": waiting,
    "kit": kit,
    "engine": engine,
    "duplicates": duplicates,
    "keeping": keeping,
    "overload": overload,
    "steady": steady,
    "pages": pages,
    "peers": peers,
}


def main() -> None:
    """Run what the arguments name."""
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure the satellite on this machine."
    )
    parser.add_argument(
        "--only", action="append", choices=QUESTIONS, metavar="NAME", help=", ".join(QUESTIONS)
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds, fewer spans; not kept")
    given = parser.parse_args()
    names = given.only or list(QUESTIONS)
    record = figures.about()
    found: list[figures.Figure] = []
    began = time.perf_counter()
    with Workbench(quick=given.quick) as bench:
        for name in names:
            summary = (QUESTIONS[name].__doc__ or name).splitlines()[0]
            print(f"{name}: {summary}", file=sys.stderr)
            answer = list(QUESTIONS[name].measure(bench))
            figures.show(answer)
            print()
            found += answer
    print(f"{time.perf_counter() - began:.0f} s")
    if not given.quick:
        print(figures.keep(record, found, only=given.only or ()))


if __name__ == "__main__":
    main()
