"""Fill satellite/pb from the .proto files beside this script: `python protos/generate.py [--check]`.

explorer.proto is written first, from the API (service.py).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from importlib.resources import files
from pathlib import Path

from grpc_tools import protoc

HERE = Path(__file__).parent
TARGET = HERE.parent / "satellite" / "pb"


def generate(target: Path) -> None:
    """Write one `*_pb2.py` for each .proto file, and an `__init__.py`."""
    names = sorted(path.name for path in HERE.glob("*.proto"))
    include = str(files("grpc_tools") / "_proto")
    status = protoc.main(
        ["protoc", f"-I{HERE}", f"-I{include}", f"--python_out={target}", f"--pyi_out={target}", *names]
    )
    if status:
        sys.exit(status)
    (target / "__init__.py").write_text('"""Made by protos/generate.py; never edited."""\n')


def main() -> None:
    """Generate, or with --check say whether what is committed is current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit 1 when satellite/pb is stale"
    )
    # Here, because it needs what this script makes, and the repository's root on the path.
    sys.path.insert(0, str(HERE.parent))
    import service

    explorer = service.written()
    if not parser.parse_args().check:
        service.TARGET.write_text(explorer)
        generate(TARGET)
        return
    if service.TARGET.read_text() != explorer:
        sys.exit("stale, run `make protos`: explorer.proto")
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        stale = [
            path.name
            for path in sorted(Path(folder).iterdir())
            if not (TARGET / path.name).exists() or (TARGET / path.name).read_text() != path.read_text()
        ]
    if stale:
        sys.exit(f"stale, run `make protos`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
