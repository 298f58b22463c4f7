"""`make fuzz SECONDS=60 TARGET=otlp`: a coverage-guided fuzzer on everything that reads bytes of strangers.

Begins from the payload files under tests/protocols/data/ and from what earlier runs learned (.fuzz/corpus/). What breaks
a subject becomes `tests/protocols/data/<folder>/found-<hash>.bin`, which tests/protocols/test_corpus.py replays from
then on. Ends with 1 when something was found.
"""

from __future__ import annotations

import argparse
import hashlib
import re
import subprocess
import sys
from pathlib import Path

from tests.protocols.soundness import DATA, SUBJECTS, payload, payload_files

ROOT = Path(__file__).parents[2]
WORK = ROOT / ".fuzz"
INPUT_SECONDS_MAX = 10
"""A report takes some milliseconds here; whoever needs this long has found a way to keep a satellite busy."""
INPUT_BYTES_MAX = 8192
MEMORY_MIB_MAX = 2048

_WORD = re.compile(rb"[A-Za-z_.][\w./:-]{2,31}")


def fuzz(name: str, seconds: int) -> list[Path]:
    """The payload files that one subject's new findings became."""
    subject = SUBJECTS[name]
    seeds, corpus, found = (WORK / kind / name for kind in ("seeds", "corpus", "found"))
    for folder in (seeds, corpus, found):
        folder.mkdir(parents=True, exist_ok=True)
    words: set[bytes] = set()
    for path in payload_files(subject.folder):
        content = payload(path)
        (seeds / _name(content)).write_bytes(content)
        words.update(_WORD.findall(content))
    dictionary = seeds.with_suffix(".words")
    dictionary.write_text("".join(f'"{word.decode()}"\n' for word in sorted(words)))
    subprocess.run(
        [
            sys.executable,
            str(Path(__file__).with_name("target.py")),
            name,
            f"-max_total_time={seconds}",
            f"-timeout={INPUT_SECONDS_MAX}",
            f"-rss_limit_mb={MEMORY_MIB_MAX}",
            f"-max_len={INPUT_BYTES_MAX}",
            f"-dict={dictionary}",
            f"-artifact_prefix={found}/",
            "-print_final_stats=1",
            "-verbosity=1",
            str(corpus),
            str(seeds),
        ],
        cwd=ROOT,
        check=False,
        env={"PYTHONPATH": f"{ROOT}:{WORK / 'packages'}", "PATH": "/usr/bin:/bin"},
    )
    kept = []
    for artifact in sorted(found.iterdir()):  # crash-…, timeout-…, oom-…, slow-unit-…
        content = artifact.read_bytes()
        path = DATA / subject.folder / f"found-{_name(content)}.bin"
        path.parent.mkdir(exist_ok=True)
        artifact.unlink()
        path.write_bytes(content)
        print(f"found: {path.relative_to(ROOT)} ({artifact.name.partition('-')[0]})", file=sys.stderr)
        kept.append(path)
    return kept


def _name(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:12]


def main() -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="make fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", default="all", help=f"all, or some of {' '.join(SUBJECTS)}")
    wanted = parser.parse_args()
    names = list(SUBJECTS) if wanted.target == "all" else wanted.target.replace(",", " ").split()
    if unknown := set(names) - SUBJECTS.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {' '.join(SUBJECTS)}")
    found: list[Path] = []
    for number, name in enumerate(names, 1):
        print(f"{name} ({number} of {len(names)}): {wanted.seconds} s", file=sys.stderr)
        found += fuzz(name, wanted.seconds)
    print(f"{len(found)} findings", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
