"""Who may ask at the Explorer's and the admin ports, and how long."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from satellite import Satellite
from satellite.errors import TookTooLong
from satellite.query.limit import check, limited


@pytest.fixture(scope="module")
def satellite() -> Iterator[Satellite]:
    with Satellite(allowed_hosts="explorer.example.com,.test.example", san="sat.example") as started:
        yield started


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "test.example.evil", "", "a b"])
@pytest.mark.parametrize("path", ["/api/v1/projects", "/", "/metrics", "/_ready"])
def test_another_name_is_refused(satellite: Satellite, host: str, path: str) -> None:
    base = satellite.admin_url if path in ("/metrics", "/_ready") else satellite.url
    answer = httpx.get(f"{base}{path}", headers={"host": host})
    assert answer.status_code in (400, 403)
    assert "metrics" not in answer.text


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:8000",
        "[::1]:8000",
        "10.1.2.3",
        "localhost:1",
        "localhost.:1",
        "LOCALHOST",
        "x.localhost",
        "lightstep-satellite.lightstep.svc",
        "sat.example:8000",
        "SAT.example.:8000",
        "explorer.example.com",
        "any.test.example",
    ],
)
def test_names_of_ours(satellite: Satellite, host: str) -> None:
    assert httpx.get(f"{satellite.url}/api/v1/projects", headers={"host": host}).status_code == 200
    assert httpx.get(f"{satellite.admin_url}/_live", headers={"host": host}).status_code == 200


FORM = "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    ("headers", "allowed"),
    [
        ({}, True),
        ({"content-type": "application/json"}, True),
        ({"content-type": FORM}, False),
        ({"content-type": "Text/Plain; charset=utf-8"}, False),
        ({"content-type": "multipart/form-data; boundary=x"}, False),
        ({"content-type": "application/json", "origin": "http://evil.example"}, False),
        ({"content-type": "application/json", "origin": "null"}, False),
        ({"origin": "OWN"}, True),
        ({"content-type": FORM, "origin": "OWN"}, True),
        ({"origin": "https://explorer.example.com"}, True),
    ],
)
def test_pages_of_elsewhere_change_nothing(
    satellite: Satellite, headers: dict[str, str], *, allowed: bool
) -> None:
    sent = {name: satellite.url if value == "OWN" else value for name, value in headers.items()}
    for method, path in (("POST", "reset"), ("DELETE", ""), ("POST", "import")):
        url = f"{satellite.url}/api/v1/projects/nobody/{path}".rstrip("/")
        status = httpx.request(method, url, headers=sent).status_code
        assert (status != 403) is allowed, (method, path)


def test_curl_may_wait(satellite: Satellite) -> None:
    url = f"{satellite.url}/api/v1/projects/nobody/expect"
    answer = httpx.post(url, content=b'{"timeout_ms": 0}', headers={"content-type": FORM})
    assert answer.status_code == 408


@pytest.mark.parametrize("path", ["/", "/diagnostics", "/api/v1/projects", "/nowhere", "/ca.pem"])
def test_policies_for_browsers(satellite: Satellite, path: str) -> None:
    headers = httpx.get(f"{satellite.url}{path}").headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert "frame-ancestors" in headers["content-security-policy"]
    assert "access-control-allow-origin" not in headers


def test_a_question_has_its_time() -> None:
    now = [0.0]
    with limited(10, lambda: now[0]):
        now[0] = 9.0
        check()
        now[0] = 11.0
        with pytest.raises(TookTooLong):
            check()
    check()


def test_a_question_that_takes_too_long_is_given_up() -> None:
    with Satellite(question_seconds_max=1e-9) as satellite:
        report = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16}]}]}]}
        assert httpx.post(f"{satellite.http_url}/v1/traces", json=report).status_code == 200
        answer = httpx.get(f"{satellite.url}/api/v1/projects/default/histogram")
        assert answer.status_code == 503
        assert answer.json()["error"]["code"] == "took_too_long"


def test_questions_of_one_project_leave_room_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    gate, began = threading.Event(), threading.Semaphore(0)

    def slow(*_: object, **__: object) -> object:
        began.release()
        gate.wait()
        raise TookTooLong("slow")

    with Satellite() as satellite, ThreadPoolExecutor(40) as threads:
        report = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16}]}]}]}
        for project in ("busy", "other"):
            headers = {"lightstep-access-token": project}
            httpx.post(f"{satellite.http_url}/v1/traces", json=report, headers=headers)
        monkeypatch.setattr("satellite.api.suggestions.suggest", slow)
        url = f"{satellite.url}/api/v1/projects"
        asked = [threads.submit(httpx.get, f"{url}/busy/suggest?kind=key", timeout=60) for _ in range(30)]
        began.acquire()
        assert httpx.get(f"{url}/other/histogram").json()["count"] == 1
        assert httpx.get(f"{satellite.admin_url}/_live").status_code == 200
        gate.set()
        for one in asked:
            one.result()


def test_a_token_that_looks_like_a_secret_is_shown_nowhere(satellite: Satellite) -> None:
    token = "9f8e7d6c5b4a39281706f5e4d3c2b1a0"
    report = {"resourceSpans": [{"scopeSpans": [{"spans": [{"traceId": "1" * 32, "spanId": "2" * 16}]}]}]}
    httpx.post(f"{satellite.http_url}/v1/traces", json=report, headers={"lightstep-access-token": token})
    url = f"{satellite.url}/api/v1/projects"
    assert httpx.get(f"{url}/{token}/histogram").json()["count"] == 1  # who knows it may ask by it
    for address in (url, f"{satellite.url}/diagnostics", f"{satellite.admin_url}/metrics"):
        assert token not in httpx.get(address).text
