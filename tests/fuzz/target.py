"""One subject under libFuzzer, in a process of its own: `target.py <subject> <libFuzzer's arguments>`."""

from __future__ import annotations

import importlib
import sys
from typing import Any


def main() -> None:
    """Fuzz until libFuzzer says that time is up or something is found; then the process ends with its status."""
    subject, *arguments = sys.argv[1:]
    atheris: Any = importlib.import_module("atheris")  # in .fuzz/, not among our own dependencies
    with atheris.instrument_imports(
        include=[
            "satellite.protocols",
            "satellite.query",
            "satellite.model.tag",
            "satellite.model.tags",
            "satellite.edges.http2",
        ],
        enable_loader_override=False,
    ):
        soundness = importlib.import_module("tests.protocols.soundness")
    atheris.Setup([sys.argv[0], *arguments], soundness.SUBJECTS[subject].check)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
