"""The trace page with much to show: it scrolls without gaps, brings the rest when asked, keeps what it shows."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from satellite.embedded import Satellite
from satellite.model.reporter import Reporter
from satellite.model.spans import SpanBuilder, encode_log
from satellite.protocols.otlp.export import encode_request
from tests import bookinfo
from tests.web.conftest import picture, said, settled

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)
SPANS = 20_500
"""More than come by themselves."""
WIDE = 30_000
COVERED = """() => {
  const body = document.querySelector(".waterfall .body").getBoundingClientRect();
  const tops = [...document.querySelectorAll(".waterfall .line")].map((line) => line.getBoundingClientRect());
  const [from, to] = [Math.max(0, body.top), Math.min(innerHeight, body.bottom)];
  let reached = from;
  for (const line of tops.sort((a, b) => a.top - b.top)) if (line.top <= reached + 0.5) reached = Math.max(reached, line.bottom);
  return reached >= to - 0.5;
}"""
"""Whether lines follow each other from the top of the window to its end."""


@pytest.fixture(scope="module", autouse=True)
def spans(served: Satellite) -> None:
    """A root and its children, and a trace with logs."""
    builder = SpanBuilder()
    reporter = Reporter(protocol="otlp", service="batch", id=1, attributes=())
    start_ns = bookinfo.START_US * 1000
    for n in range(SPANS):
        builder.add(
            reporter=reporter,
            operation="import" if n == 0 else f"row {n}",
            trace_low=0xB16,
            span_id=n + 1,
            parent_id=1 if n else 0,
            start_ns=start_ns + n * 1000,
            duration_ns=SPANS * 1000 if n == 0 else 5_000,
            tags=(),
            logs=[encode_log(start_ns + 2_000_000, [("event", "half way")])] if n == 0 else (),
        )
    wide = SpanBuilder()
    for n in range(WIDE):
        # A root, its child with nearly all there is below it, and two more children of the root.
        parent = 0 if n == 0 else 1 if n in (1, WIDE - 2, WIDE - 1) else 2
        wide.add(
            reporter=reporter,
            operation={0: "root", 1: "crowd", WIDE - 1: "after the crowd"}.get(n, f"row {n}"),
            trace_low=0xB17,
            span_id=n + 1,
            parent_id=parent,
            start_ns=start_ns + n * 1000,
            duration_ns=WIDE * 1000 if n < 2 else 5_000,
            tags=(),
        )
    served.client.project("wide").import_(encode_request(wide.build()), format="otlp-protobuf")
    served.client.project("large").import_(encode_request(builder.build()), format="otlp-protobuf")
    for project in ("kept", "tags"):
        served.client.project(project).import_(encode_request(bookinfo.batch()), format="otlp-protobuf")


def test_a_large_trace_scrolls_without_gaps(open_page: Callable[..., Page]) -> None:
    page = open_page("/large/trace/0000000000000b16", expects=("429",))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    left = page.get_by_role("status").filter(has_text="20,000 of 20,500 rows")
    expect(left).to_be_visible()
    expect(page.locator(".facts")).to_contain_text("20,500")
    expect(page.locator(".waterfall .log")).to_have_count(1)
    for at in (0.0, 0.1, 0.37, 0.5, 0.501, 0.93, 1.0, 0.2):
        page.evaluate(f"scrollTo(0, document.documentElement.scrollHeight * {at})")
        page.wait_for_function(COVERED)
    assert page.locator(".waterfall .line").count() < 200
    # Who has no time now is asked again.
    busy = {"error": {"code": "busy", "message": "too many questions at once"}}
    page.route("**/tree?**", lambda route: route.fulfill(status=429, json=busy), times=1)
    page.get_by_role("button", name="More", exact=True).click()
    expect(left).to_have_count(0)
    page.evaluate("scrollTo(0, 0)")
    page.wait_for_function(COVERED)
    page.get_by_role("row", selected=True).press("End")
    expect(page.get_by_role("row", selected=True)).to_contain_text(f"row {SPANS - 1}")
    page.wait_for_function(COVERED)
    settled(page)
    assert sum("/tree" in url for url in asked) <= 8, "what is selected changes no tree"


def test_what_follows_a_crowd_comes_without_it(open_page: Callable[..., Page]) -> None:
    page = open_page("/wide/trace/0000000000000b17")
    expect(page.get_by_role("status").filter(has_text="20,000 of 30,000 rows")).to_be_visible()
    grid = page.get_by_role("treegrid")
    page.get_by_role("row", selected=True).press("End")
    expect(grid.get_by_role("button", name="9,998 more below crowd")).to_be_visible()
    grid.get_by_role("button", name="2 more below root").click()
    expect(grid.get_by_role("row").filter(has_text="after the crowd")).to_be_visible()
    grid.get_by_role("button", name="9,998 more below crowd").click()
    expect(page.get_by_role("status").filter(has_text="24,002 of 30,000 rows")).to_be_visible()
    page.get_by_role("row", selected=True).press("End")
    expect(page.get_by_role("row", selected=True)).to_contain_text("after the crowd")
    expect(page.get_by_role("complementary", name="Selected span")).to_contain_text("after the crowd")


def test_a_link_brings_the_rows_around_its_span(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/large/trace/0000000000000b16?span={SPANS:x}", color_scheme="dark")
    expect(page.get_by_role("row", selected=True)).to_contain_text(f"row {SPANS - 1}")
    expect(page.get_by_role("complementary", name="Selected span")).to_contain_text(f"row {SPANS - 1}")
    expect(page.get_by_role("status").filter(has_text="4,400 of 20,500 rows")).to_be_visible()
    expect(page.get_by_role("treegrid").get_by_role("row", selected=True)).to_be_in_viewport()
    page.wait_for_function(COVERED)
    settled(page)
    asked = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert sum("/tree" in url for url in asked) == 2
    picture(page, "trace-large-dark")


def test_what_is_kept_stays(served: Satellite, open_page: Callable[..., Page]) -> None:
    page = open_page("/kept/trace/00000000b00c0008?span=0000000b00c00088")
    # The fastest of eight is faster than the seven others.
    expect(page.get_by_role("region", name="Against the same operation")).to_contain_text(
        "faster than 100\u202f% of 7 other spans"
    )
    page.get_by_role("button", name="Keep", exact=True).click()
    said(page, "Kept: this address lasts")
    served.client.project("kept").reset()
    page.reload()
    expect(page.get_by_text("from a snapshot")).to_be_visible()
    expect(page.get_by_role("treegrid")).to_contain_text("ratings.default: proxy server")
    [kept] = served.client.project("kept").snapshots()
    assert kept["pinned"]


def test_the_tags_of_a_span_are_one_stop(open_page: Callable[..., Page]) -> None:
    page = open_page("/tags/trace/00000000b00c0008?span=0000000b00c00088")
    panel = page.get_by_role("complementary", name="Selected span")
    tags = panel.locator("details", has=page.locator("summary", has_text="Tags")).get_by_role("button")
    expect(tags.nth(1)).to_be_visible()
    number = tags.count()
    tags.first.focus()
    page.keyboard.press("ArrowDown")
    expect(tags.nth(1)).to_be_focused()
    page.keyboard.press("End")
    expect(tags.nth(number - 1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Copy value")).to_be_visible()
    page.keyboard.press("Escape")
    expect(tags.nth(number - 1)).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(panel.locator("summary", has_text="Tags")).to_be_focused()
    page.keyboard.press("Tab")
    expect(tags.nth(number - 1)).to_be_focused()
    page.keyboard.press("Tab")
    expect(panel.locator("summary", has_text="Logs")).to_be_focused()
    # Letters are the page's.
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("k")
    expect(page).not_to_have_url(re.compile("span=0000000b00c00088"))


def test_the_names_take_the_width_they_are_given(open_page: Callable[..., Page]) -> None:
    page = open_page("/large/trace/0000000000000b16")
    name = page.locator(".waterfall .line .name").first
    before = name.bounding_box()
    grip = page.get_by_role("separator", name="Width of the names")
    grip.focus()
    page.keyboard.press("End")
    expect(grip).to_have_attribute("aria-valuenow", "75")
    after = name.bounding_box()
    assert before is not None
    assert after is not None
    assert after["width"] > before["width"]
    page.reload()
    expect(grip).to_have_attribute("aria-valuenow", "75")
