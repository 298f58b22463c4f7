"""What every pytest run of the environment loads: the kit, or one line that says why it cannot be had there.

A run that does not use the kit must not end because of it.
"""

from __future__ import annotations

from importlib.metadata import version

NEEDED = {"pytest": (7,), "pluggy": (1, 2)}
"""Hook wrappers that return, and stashes."""


def missing() -> str:
    """What is too old for the kit, in words; "" when nothing is."""
    old = [
        f"{name} {'.'.join(map(str, least))} or newer, here is {version(name)}"
        for name, least in NEEDED.items()
        if _numbers(version(name)) < least
    ]
    return " and ".join(old)


def _numbers(text: str) -> tuple[int, ...]:
    """The first two numbers of a version."""
    return tuple(int(part) if part.isdigit() else 0 for part in text.split(".")[:2])


if reason := missing():

    def pytest_report_header() -> str:
        """Say so where a run says what it is."""
        return f"mock-lightstep-satellite: no fixtures `satellite` and `spans`, they need {reason}"

else:
    from mock_lightstep_satellite.pytest_plugin import (  # noqa: F401 - pytest looks for them here
        async_spans,
        pytest_addoption,
        pytest_configure,
        pytest_runtest_call,
        pytest_runtest_makereport,
        satellite,
        satellite_env,
        satellite_listen_address,
        satellite_options,
        spans,
    )
