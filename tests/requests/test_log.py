"""Bounds of the log, marks, and what is kept of a head."""

from __future__ import annotations

import pytest

from satellite.requests.entry import Entry, packed, unpacked, without_secrets
from satellite.requests.log import CUT_BYTES, ENTRY_BYTES, IDLE_PROJECTS, RequestLog
from satellite.requests.shown import Wanted, detail, listed, shown


def entry(project: str = "p", **fields: object) -> Entry:
    made = Entry(
        1_000_000, 3_000_000, "http", "POST", "/v1/traces", 1, "h:2", b"", b"", "", "stored", "otlp", project
    )
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def log(per_project: int = 10**6, in_total: int = 10**7) -> RequestLog:
    return RequestLog(bytes_per_project=per_project, bytes_in_total=in_total)


def numbers(kept: RequestLog, project: str = "p") -> list[int]:
    return [one.number for one in kept.entries(project)]


def test_the_oldest_of_a_project_go() -> None:
    kept = log(3 * (ENTRY_BYTES + 100))
    for _ in range(10):
        kept.add(entry(body=b"x" * 80))
    kept.add(entry("q"))
    assert numbers(kept) == [8, 9, 10]
    assert numbers(kept, "q") == [11]


def test_in_all_the_largest_gives_way_and_a_quiet_project_keeps_its_own() -> None:
    kept = log(10**6, 20 * ENTRY_BYTES)
    kept.add(entry("quiet"))
    for _ in range(100):
        kept.add(entry("loud"))
        assert kept.bytes <= 20 * ENTRY_BYTES + 1000
    assert numbers(kept, "quiet") == [1]
    assert numbers(kept, "loud")[-1] == 101


def test_its_account_is_what_is_in_it() -> None:
    kept = log(5000, 10**6)
    for size in range(0, 3000, 37):
        kept.add(entry("abc"[size % 3], body=bytes(size), answer=bytes(size // 2)))
    kept.clear("a")
    kept.drop("b")
    kept.drop("c")
    assert kept.bytes == 0


def test_a_large_body_is_cut_and_says_so() -> None:
    kept = log(2**20)
    kept.add(entry(body=bytes(2**19), answer=bytes(CUT_BYTES + 1)))
    [one] = kept.entries("p")
    assert (len(one.body), one.body_bytes, one.answer_bytes) == (CUT_BYTES, 2**19, CUT_BYTES + 1)
    assert shown(one).cut


def test_marks_stand_where_they_were_given_out() -> None:
    kept = log()
    kept.add(entry(mark=3))
    kept.marked("p", 3)
    kept.add(entry(outcome="refused"))
    kept.add(entry(mark=4))
    assert [one.number for one in kept.since("p", 3)] == [2, 3]
    kept.marked("p", 4)
    assert kept.since("p", 4) == []
    assert len(kept.since("p", 0)) == 3
    assert kept.since("nobody", 3) == []


def test_the_first_mark_of_all_stands_where_it_was_given_out() -> None:
    """It is 0, also after requests that brought no span."""
    kept = log()
    kept.add(entry("p"))
    kept.marked("p", 0)
    kept.add(entry("p"))
    assert [one.number for one in kept.since("p", 0)] == [2]


def test_a_mark_that_nobody_was_given_is_looked_for_by_its_spans() -> None:
    kept = log()
    for mark in (2, 5, 0, 9):
        kept.add(entry(mark=mark))
    assert [one.number for one in kept.since("p", 3)] == [2, 3, 4]
    assert kept.since("p", 9) == []


def test_projects_that_only_gave_out_marks_are_bounded() -> None:
    kept = log()
    kept.add(entry("p"))
    for number in range(2 * IDLE_PROJECTS):
        kept.marked(f"idle{number}", 1)
    assert len(kept._projects) <= IDLE_PROJECTS
    assert numbers(kept) == [1]


def test_a_head_is_kept_without_secrets() -> None:
    secrets = [
        b"lightstep-access-token",
        b"Authorization",
        b"cookie",
        b"x-api-key",
        b"dd-api-key",
        b"X-Amz-Signature",
    ]
    fields = [(b"Host", b"a:1"), *((name, b"s3cret") for name in secrets), (b"x", b"")]
    kept = packed(fields)
    assert b"s3cret" not in kept
    assert unpacked(kept)[0] == ("host", "a:1")
    assert unpacked(kept)[-1] == ("x", "")
    assert unpacked(b"") == []
    assert without_secrets("a=1&access_token=s3cret&b") == "a=1&access_token=(removed)&b"


@pytest.mark.parametrize(
    ("wanted", "fits"),
    [
        (Wanted(), True),
        (Wanted(protocol="zipkin"), False),
        (Wanted(path="/v1/*"), True),
        (Wanted(path="/v1"), False),
        (Wanted(status="5xx"), True),
        (Wanted(status="503"), True),
        (Wanted(status="200"), False),
        (Wanted(outcome="stored"), True),
        (Wanted(service="shop", reporter="7"), True),
        (Wanted(reporter="8"), False),
    ],
)
def test_which_are_meant(wanted: Wanted, *, fits: bool) -> None:
    assert wanted.fits(entry(status=503, service="shop", reporter_id=7, path="/v1/traces?x=1")) is fits


def test_the_newest_are_listed_in_order() -> None:
    kept = log()
    for _ in range(5):
        kept.add(entry())
    found = listed(kept, "p", Wanted(after=1), 2)
    assert ([one.number for one in found.requests], found.total) == ([4, 5], 4)


def test_an_answer_that_is_no_text_is_shown_in_hex() -> None:
    assert detail(entry(answer=b"\x00\x01")).answer_hex == "0001"
    assert detail(entry(answer=b"{}\n")).answer_text == "{}\n"
