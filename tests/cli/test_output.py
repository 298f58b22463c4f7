"""Standard output, or a file, that cannot be written: one line that says so, and no traceback."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mock_lightstep_satellite import cli

COMMAND = [sys.executable, "-c", "from mock_lightstep_satellite.cli import main; main()"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [["--help"], ["istio", "--version", "1.16"]])
def test_a_full_disk(arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert (done.returncode, done.stderr) == (
        1,
        "satellite: cannot write standard output: No space left on device\n",
    )


def test_an_encoding_that_has_not_all_letters() -> None:
    """As of a console of Windows, or where no locale is set."""
    printing = "from mock_lightstep_satellite import cli; cli.app = lambda: print('5 µs └──'); cli.main()"
    for encoding, shown in (
        ("ascii", b"5 ?s ???"),
        ("latin-1", b"5 \xb5s ???"),
        ("utf-8", "5 µs └──".encode()),
    ):
        done = subprocess.run(
            [sys.executable, "-c", printing],
            capture_output=True,
            check=False,
            env=os.environ | {"PYTHONIOENCODING": encoding},
        )
        assert (done.returncode, done.stdout.strip()) == (0, shown), done.stderr


def test_one_that_is_closed() -> None:
    shell = ["sh", "-c", 'exec "$@" >&-', "sh", *COMMAND, "istio", "--version", "1.16"]
    done = subprocess.run(shell, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_a_file_that_cannot_be_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def write() -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/root/trace.html")

    monkeypatch.setattr(cli, "app", write)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert (ended.value.code, capsys.readouterr().err) == (
        2,
        "satellite: /root/trace.html: Permission denied\n",
    )
