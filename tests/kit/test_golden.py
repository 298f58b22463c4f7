from __future__ import annotations

import json
from pathlib import Path

import pytest

from mock_lightstep_satellite.golden import compare, normalised
from mock_lightstep_satellite.trace import Trace
from satellite.errors import BadRequest
from tests.kit.test_trace import span

UUID = "6f1c1e0a-1b2c-4d3e-8f90-0123456789ab"


def a_trace(offset: int = 0, **tags: object) -> Trace:
    """One request; all that differs between two of them depends on the offset."""
    return Trace(
        [
            span(1 + offset, service="web", operation="/buy", duration_us=offset),
            span(2 + offset, 1 + offset, service="db", operation=f"get {offset:016x}", tags={"n": 1, **tags}),
            span(3 + offset, 1 + offset, service="pay", operation="charge", error=True),
        ]
    )


def test_what_differs_from_run_to_run_is_not_in_it() -> None:
    one = a_trace(0, **{"peer.address": "10.0.0.1:80", "url": "http://127.0.0.1:4711/a", "request": UUID})
    other = a_trace(
        100, **{"peer.address": "10.0.0.2:80", "url": "http://10.1.1.1:80/a", "request": UUID[::-1]}
    )
    assert normalised([one])[0]["tree"][0]["children"][1]["tags"] == {
        "n": "1",
        "request": "<uuid>",
        "url": "http://<address>/a",
    }
    assert normalised([one]) != normalised([other])  # a text that only looks like a UUID backwards
    other = a_trace(100, url="http://10.1.1.1:80/a", request=UUID.replace("6", "7"))
    assert normalised([one]) == normalised([other])
    assert normalised([one, one]) != normalised([one])


def test_more_tags_to_ignore() -> None:
    one, other = a_trace(0, build="a", **{"k8s.pod": "x"}), a_trace(0, build="b", **{"k8s.pod": "y"})
    assert normalised([one]) != normalised([other])
    ignore = {"build", "k8s.*"}
    assert normalised([one], ignore=ignore) == normalised([other], ignore=ignore)


def test_written_compared_updated(tmp_path: Path) -> None:
    path = tmp_path / "golden" / "buy.json"
    with pytest.raises(AssertionError, match="there is no golden file"):
        compare(path, [a_trace()], create=False)
    compare(path, [a_trace()])
    compare(path, [a_trace(100)], create=False)
    path.write_text(json.dumps(json.loads(path.read_text())))  # laid out otherwise
    compare(path, [a_trace(100)])
    with pytest.raises(AssertionError) as failed:
        compare(path, [a_trace(0, n=2)])
    assert '-              "n": "1"' in str(failed.value)
    assert '+              "n": "2"' in str(failed.value)
    compare(path, [a_trace(0, n=2)], update=True)
    compare(path, [a_trace(0, n=2)], create=False)


@pytest.mark.parametrize("content", ["", "{}", "[1]", '[{"spans": 1}]', "\udce4"])
def test_a_file_that_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(BadRequest, match="no golden file"):
        compare(path, [a_trace()])
