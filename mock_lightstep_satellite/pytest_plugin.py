"""The fixtures `satellite` (a server for the session) and `spans` (a project of its own for each test).

    def test_checkout(spans):
        subprocess.run(["./checkout"], env=os.environ | spans.env(), check=True)
        spans.expect('service IN ("checkout") AND "http.status_code" IN ("200")', count=1, timeout=5)

Costs a test run that does not use them nothing: all else is imported with the first use. Each xdist worker has a
server of its own; with `--satellite-url` or SATELLITE_URL all tests share the one that runs there.
"""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from mock_lightstep_satellite.remote import RemoteSatellite
    from mock_lightstep_satellite.spans import AsyncSpans, Spans
    from satellite.embedded import Satellite

_FAILED = pytest.StashKey[bool]()
_SPANS = pytest.StashKey["Spans"]()
_MARKS = pytest.StashKey[dict[str, Any]]()

_OPTIONS = {
    "satellite_url": ("URL", "use the satellite whose Explorer is there instead of starting one"),
    "satellite_command": (
        "COMMAND",
        "start a satellite by this command, which stays in the foreground; {port} in it is a free port for its Explorer",
    ),
    "satellite_timeout": (
        "SECONDS",
        "how long expect and fence wait where a test names no timeout: 5, more where everything is slow",
    ),
    "satellite_artifacts": (
        "DIR",
        "write the spans of failed tests, and pages of their traces, to folders below this one",
    ),
    "satellite_show": (
        "WHICH",
        "show the captured spans of tests that failed (the default), of all, or none",
    ),
}
"""Each is a flag, an environment variable and a setting of pytest.ini; the first that is set counts."""
_SHOW = ("failed", "all", "none")
_MARK_KEYS = ("fault", "strict", "keep")


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options of the kit."""
    group = parser.getgroup("satellite")
    group.addoption(
        "--satellite-update-golden",
        action="store_true",
        help="write golden traces anew, as they arrive, instead of comparing them",
    )
    for name, (metavar, text) in _OPTIONS.items():
        flag = f"--{name.replace('_', '-')}"
        group.addoption(flag, default=None, metavar=metavar, help=f"{text} (also: {name.upper()}, ini)")
        parser.addini(name, text, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known, and refuse an option that makes no sense."""
    config.addinivalue_line(
        "markers",
        "satellite(fault=…, strict=True, keep=True): of the fixture spans: have something go wrong (a profile, or the fields of "
        "a fault), fail on odd spans, keep the project",
    )
    if _option(config, "satellite_show") not in {"", *_SHOW}:
        raise pytest.UsageError(f"--satellite-show is one of {', '.join(_SHOW)}")
    _timeout(config)


def _option(config: pytest.Config, name: str) -> str:
    """What is set by flag, environment or ini; "" when nothing is."""
    flag = config.getoption(f"--{name.replace('_', '-')}")
    return str(flag or os.environ.get(name.upper()) or config.getini(name) or "")


def _timeout(config: pytest.Config) -> dict[str, float]:
    """For `Spans`: the timeout that is set, if one is."""
    given = _option(config, "satellite_timeout")
    if not given:
        return {}
    from mock_lightstep_satellite.calls import TIMEOUT_S_MAX

    try:
        seconds = float(given)
    except ValueError:
        seconds = 0
    if not 0 < seconds <= TIMEOUT_S_MAX:
        raise pytest.UsageError(
            f"--satellite-timeout is a number of seconds, at most {TIMEOUT_S_MAX}: {given!r}"
        )
    return {"timeout": seconds}


# What becomes of a test


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Give each example of Hypothesis an empty project; hold what the marker `strict` asks for."""
    spans = item.stash.get(_SPANS, None)
    if spans is None:
        return (yield)
    with _afresh_for_each_example(item, spans):
        result = yield
    if item.stash[_MARKS].get("strict"):
        odd = ""
        try:
            spans.assert_sound()
        except AssertionError as error:
            odd = str(error)
        if odd:
            pytest.fail(odd, pytrace=False)
    return result


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Tell of a failed test what arrived, and remember that it failed: its project is kept."""
    report = yield
    if report.failed:
        item.stash[_FAILED] = True
    spans = item.stash.get(_SPANS, None)
    if spans is None or call.when != "call" or report.skipped:
        return report
    show = _option(item.config, "satellite_show") or "failed"
    folder = _option(item.config, "satellite_artifacts") if report.failed else ""
    if folder or show == "all" or (show == "failed" and report.failed):
        from mock_lightstep_satellite import failures

        artifacts = Path(folder, failures.folder_of(item.nodeid)) if folder else None
        text = failures.report(spans, artifacts)
        if show != "none":
            report.sections.append(("captured spans", text))
    return report


@contextmanager
def _afresh_for_each_example(item: pytest.Item, spans: Spans) -> Iterator[None]:
    """Under @given a test is called many times with one fixture: each time, its project is emptied before.

    So it is right that Hypothesis finds no fault with this fixture (its check of function-scoped ones), as long as
    there is none beside it that is not reset.
    """
    test = getattr(item, "obj", None)
    handle = getattr(test, "hypothesis", None)
    if handle is None or not hasattr(handle, "inner_test"):
        yield
        return
    function: Any = getattr(test, "__func__", test)
    inner, settings = handle.inner_test, getattr(function, "_hypothesis_internal_use_settings", None)
    handle.inner_test = _preceded(inner, spans.reset)
    if settings is not None and _only_ours(item):
        from hypothesis import HealthCheck
        from hypothesis import settings as settings_of

        but = {*settings.suppress_health_check, HealthCheck.function_scoped_fixture}
        function._hypothesis_internal_use_settings = settings_of(settings, suppress_health_check=but)
    try:
        yield
    finally:
        handle.inner_test = inner
        if settings is not None:
            function._hypothesis_internal_use_settings = settings


def _only_ours(item: pytest.Item) -> bool:
    """Whether the test takes no function-scoped fixtures but those that are reset for each example."""
    request: Any = getattr(item, "_request", None)
    names = set(inspect.signature(item.function).parameters) & set(getattr(item, "fixturenames", ()))  # type: ignore[attr-defined]
    scopes = {
        name: request._get_active_fixturedef(name).scope
        for name in names - {"spans", "async_spans", "satellite_env", "request"}
    }
    return "function" not in scopes.values()


def _preceded(test: Callable[..., Any], before: Callable[[], object]) -> Callable[..., Any]:
    """The test, with a call before each of its calls."""
    if inspect.iscoroutinefunction(test):

        @functools.wraps(test)
        async def later(*arguments: Any, **named: Any) -> Any:
            __tracebackhide__ = True
            before()
            return await test(*arguments, **named)

        return later

    @functools.wraps(test)
    def now(*arguments: Any, **named: Any) -> Any:
        __tracebackhide__ = True
        before()
        return test(*arguments, **named)

    return now


# Fixtures


@pytest.fixture(scope="session")
def satellite_listen_address() -> str:
    """The address that a satellite in this process binds; override it to let other machines report."""
    return "127.0.0.1"


@pytest.fixture(scope="session")
def satellite_options() -> Mapping[str, Any]:
    """Settings of a satellite in this process; override it: `return {"bytes_per_project": 10**8}`."""
    return {}


@pytest.fixture(scope="session")
def satellite(
    pytestconfig: pytest.Config,
    tmp_path_factory: pytest.TempPathFactory,
    satellite_listen_address: str,
    satellite_options: Mapping[str, Any],
) -> Iterator[Satellite | RemoteSatellite]:
    """A satellite for the whole session: in this process on free ports, one that a command starts, or one that runs already."""
    url, command = _option(pytestconfig, "satellite_url"), _option(pytestconfig, "satellite_command")
    if not url and not command:
        with _server()(host=satellite_listen_address, **satellite_options) as running:
            yield running
        return
    from contextlib import nullcontext

    from mock_lightstep_satellite.client import Client
    from mock_lightstep_satellite.errors import SatelliteError
    from mock_lightstep_satellite.remote import connect, started

    folder = tmp_path_factory.mktemp("satellite")
    why = ""
    try:
        process = started(command, url or None, folder, os.environ) if command else nullcontext(url)
        with process as address, Client(address) as client:
            yield connect(client, folder)
    except SatelliteError as error:
        why = f"{type(error).__name__}: {error}" + (f"\nhint: {error.hint}" if error.hint else "")
    if why:
        pytest.fail(why, pytrace=False)  # outside, so that what led to it is not shown before it


def _server() -> type[Satellite]:
    """The satellite's class. Fails with words when it is not installed, or this project's own package hides it."""
    try:
        from satellite.embedded import Satellite

        return Satellite
    except ModuleNotFoundError as error:
        from mock_lightstep_satellite.errors import NoServer

        because = NoServer.because(error, "a satellite in this process")
        ways = "say how to start one with --satellite-command, or name one that runs with --satellite-url"
        why = f"{because}\nor {ways}"
    pytest.fail(why, pytrace=False)  # outside, so that the import's error is not shown before it


@pytest.fixture
def spans(request: pytest.FixtureRequest, satellite: Satellite | RemoteSatellite) -> Iterator[Spans]:
    """A fresh project for this test; dropped afterwards, unless the test failed or is marked `satellite(keep=True)`."""
    from mock_lightstep_satellite.errors import BadRequest
    from mock_lightstep_satellite.spans import Golden, Spans, token_of

    wanted = _marked(request.node)
    worker = os.environ.get("PYTEST_XDIST_WORKER", "main")
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    update = request.config.getoption("--satellite-update-golden")
    golden = Golden(request.path.parent / "golden", update=update, create=not in_ci)
    token = token_of(request.node.name, worker)
    fresh = Spans(satellite, token, golden, **_timeout(request.config))
    fresh.mark()  # what other tests sent before is no clue when nothing comes
    wrong = ""
    for fault in wanted.get("fault", ()):
        try:
            fresh.asked.add_fault(**fault)
        except BadRequest as error:
            wrong = f"the marker satellite asks for a fault that there is not: {error}"
    if wrong:
        pytest.fail(wrong, pytrace=False)
    request.node.stash[_FAILED] = False  # of a test that is run again, what came of the run before
    request.node.stash[_MARKS] = wanted
    request.node.stash[_SPANS] = fresh
    request.node.user_properties.append(("satellite_url", fresh.url))
    yield fresh
    if not request.node.stash[_FAILED] and not wanted.get("keep"):
        fresh.drop()


@pytest.fixture
def async_spans(spans: Spans) -> AsyncSpans:
    """The project of `spans` with methods to await, for tests of asyncio or trio."""
    from mock_lightstep_satellite.spans import AsyncSpans

    return AsyncSpans(spans)


@pytest.fixture
def satellite_env(spans: Spans) -> dict[str, str]:
    """This process's environment and that of the test's project, for a program: `subprocess.run(…, env=satellite_env)`."""
    return {**os.environ, **spans.env()}


def _marked(node: pytest.Item) -> dict[str, Any]:
    """What the markers `satellite` of a test say, the nearest first; `fault` as a list of keyword arguments."""
    found: dict[str, Any] = {}
    for mark in node.iter_markers("satellite"):
        if mark.args or not set(mark.kwargs) <= set(_MARK_KEYS):
            said = ", ".join([*map(repr, mark.args), *mark.kwargs])
            pytest.fail(
                f"the marker satellite takes {', '.join(_MARK_KEYS)} by name, not {said}", pytrace=False
            )
        found = {**mark.kwargs, **found}
    faults = found.pop("fault", ())
    faults = [faults] if isinstance(faults, str | Mapping) else faults
    found["fault"] = [{"profile": one} if isinstance(one, str) else dict(one) for one in faults]
    return found
