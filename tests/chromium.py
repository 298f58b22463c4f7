"""Where a Chromium is on this machine."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

NAMES = (
    "chromium",
    "chromium-browser",
    "chromium-headless-shell",
    "google-chrome",
    "google-chrome-stable",
)
"""On the path: as Debian, Ubuntu and Google's own packages call it."""

PLACES = (
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/snap/bin/chromium",
)
"""Off the path: macOS's applications, Ubuntu's snap."""

CACHES = (".cache/ms-playwright", "Library/Caches/ms-playwright")
PLAYWRIGHTS = (
    "chromium-*/chrome-linux*/chrome",
    "chromium-*/chrome-mac*/*.app/Contents/MacOS/*",
    "chromium_headless_shell-*/chrome-*/headless_shell",
)
"""What `playwright install chromium` has put below the user's folder, the newest last."""

ARGUMENTS = ("--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking")
"""Also as root, in a container, and without a network."""


def installed_browser() -> str:
    """A Chromium of this machine; skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    for place in PLACES:
        if Path(place).exists():
            return place
    for cache in CACHES:
        for pattern in PLAYWRIGHTS:
            if downloaded := sorted(Path.home().joinpath(cache).glob(pattern)):
                return str(downloaded[-1])
    pytest.skip("there is no Chromium (on Debian and Ubuntu: apt-get install chromium)")
