"""What a failed wait says when no span came: each cause in its own words, from a real satellite."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from mock_lightstep_satellite.client import Project
from mock_lightstep_satellite.errors import NotMet
from mock_lightstep_satellite.remote import connect
from satellite import Satellite
from tests.faults.test_misbehaviour import PATH, post, report


@pytest.fixture
def satellite() -> Iterator[Satellite]:
    with Satellite() as started:
        yield started


def failure(project: Project, query: str = "", since: int | None = None, count: int = 1) -> str:
    with pytest.raises(NotMet) as caught:
        project.expect(query, f">={count}", timeout=0.01, since=since)
    return caught.value.message


def test_cause_after_cause(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    assert "nobody connected to a port for reports so far" in failure(project)

    host, _, port = satellite.http_url.rpartition("//")[2].partition(":")
    with socket.create_connection((host, int(port))) as connection:
        connection.sendall(b"POST ")
        text = failure(project)
        while "1 connection came so far, but no report on it" not in text:
            text = failure(project)
        later = satellite.client.project("later")
        later.mark()
        text = failure(later)
        assert "nobody connected to a port for reports so far" in text
        assert "nor did a report come on the 1 connection" in text

    for target in (satellite.http_url, satellite.https_url, f"//{satellite.plain_target}"):
        host, _, port = target.rpartition("//")[2].partition(":")
        silent = satellite.client.project("silent")
        silent.mark()
        with socket.create_connection((host, int(port))):  # and not a byte
            text = failure(silent)
            while "1 connection came so far, but no report on it" not in text:
                assert "nobody connected" in text  # it is still on the way
                text = failure(silent)

    httpx.post(f"{satellite.http_url}/nowhere", trust_env=False)
    httpx.post(
        satellite.http_url + PATH,
        content=b"\xff",
        headers={"content-type": "application/octet-stream"},
        trust_env=False,
    )
    with project.fault(status=503):
        post(satellite, report(project))
    post(satellite, report(satellite.client.project("other"), spans=2))
    text = failure(project)
    assert "refused: 1 request of lightstep from 127.0.0.1 with 503 (a fault asked for it)\n" in text
    assert "with 400: not a ReportRequest" in text
    assert "with 404: no report: POST /nowhere" in text
    assert "with another access token: 1 report with 2 spans came for project other" in text


def test_who_only_looks_whether_a_port_is_open_is_no_connection(satellite: Satellite, tmp_path: Path) -> None:
    connect(satellite.client, tmp_path)  # as `pytest --satellite-url` does: it tries each port
    project = satellite.client.project("p")
    with httpx.Client(verify=False, trust_env=False) as client:
        client.get(f"{satellite.https_url}/nowhere")
        project.mark()
        text = failure(project, since=project.mark())
        while "nor did a report come on the 1 connection that" not in text:
            assert "nor did a report come on the" in text  # others are still about to leave
            text = failure(project, since=project.mark())


def test_since_a_mark_and_with_a_link(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    post(satellite, report(project))
    mark = project.mark()
    post(satellite, report(project))
    text = failure(project, since=mark)
    assert f"1 report of this project came since mark {mark}, and it brought no new span" in text
    assert f"before mark {mark} came 1 span that matches: was the mark taken too late?" in text
    text = failure(project, 'service IN ("shop") AND "k" IN ("v")')
    assert "2 reports, all taken, no fault applied; protocol checks: nothing is odd" in text
    assert "nearest: trace 0000000000000001" in text
    assert "the latest: trace 0000000000000001" in failure(project, 'service IN ("shop")', count=9)
    assert f"open: {satellite.url}/p/explorer?query=" in text


def test_a_report_that_is_refused_for_good_ends_the_wait(satellite: Satellite) -> None:
    import threading

    project = satellite.client.project("p")
    headers = {"content-type": "application/x-protobuf", "lightstep-access-token": "p"}

    def send_until_heard() -> None:
        while waiting.is_alive():
            httpx.post(
                f"{satellite.http_url}/v1/traces", content=b"\xff\xff", headers=headers, trust_env=False
            )

    found: list[str] = []

    def wait() -> None:
        try:
            project.expect("", timeout=60)
        except NotMet as error:
            found.append(error.message)

    waiting = threading.Thread(target=wait)
    waiting.start()
    send_until_heard()
    waiting.join()
    assert "a report was refused for good" in found[0]


def test_traces_that_are_wanted(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    post(satellite, report(project))
    assert len(project.expect("", trace={"complete": True, "path": ["shop"]})) == 1
    post(satellite, report(project, trace=2, service="till"))
    with pytest.raises(
        NotMet, match=r"got 2 within 0.01 s, but no .* goes till; as far as it goes: not even the first"
    ) as caught:
        project.expect("", timeout=0.01, trace={"path": ["till"]})
    assert "\n  trace 0000000000000001" in caught.value.message  # the one that is wrong, not the latest


def test_a_client_that_does_not_trust_the_certificate(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    mark = project.mark()
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{satellite.https_url}/", trust_env=False)
    text = failure(project, since=mark)
    while "nobody connected" in text:  # its end is still on the way
        text = failure(project, since=mark)
    assert "1 connection from 127.0.0.1 to port" in text
    assert "came to nothing (client_rejected_certificate): the client does not trust our CA" in text


def test_spans_that_a_fault_dropped(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    with project.fault(drop=1):
        post(satellite, report(project))
    assert "1 report of this project came so far (a fault hit it), and it brought no new span" in failure(
        project
    )


def test_spans_that_were_there_once(satellite: Satellite) -> None:
    project = satellite.client.project("p")
    assert satellite._app is not None
    engine = satellite._app._store
    post(satellite, report(project, spans=2))
    project.reset()
    assert "2 spans are gone: the project was reset, as " in failure(project)
    engine.reset("p")
    assert "needed the room" not in failure(project)
    assert "needed the room" not in str(project.explain("")["lines"])
    post(satellite, report(project, spans=3, first=10))
    engine.reset("p")  # counts as evicted, as if memory were short
    text = failure(project)
    assert "3 spans are gone: others needed the room (bytes_per_project)" in text
    assert "2 spans are gone: the project was reset, as " in text


def test_spans_that_were_gone_before_the_mark_are_no_clue(satellite: Satellite) -> None:
    """As under Hypothesis, where each example begins with a reset."""
    project = satellite.client.project("p")
    post(satellite, report(project, spans=2))
    project.reset()
    mark = project.mark()
    assert " gone: " not in failure(project, since=mark)
    post(satellite, report(project, spans=3, first=10))
    project.reset()
    assert "3 spans are gone: " in failure(project, since=mark)
