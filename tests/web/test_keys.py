"""Ten things a newcomer does, with keys alone: each begins at the page's top and ends where the next would begin."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from satellite.embedded import Satellite
from satellite.protocols.otlp.export import encode_request
from tests import bookinfo
from tests.web.conftest import said

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)
NEXT, BACK = "Tab", "Shift+Tab"


def test_ten_tasks_with_keys_alone(served: Satellite, open_page: Callable[..., Page]) -> None:
    served.client.project("keys").import_(encode_request(bookinfo.batch()), format="otlp-protobuf")
    page = open_page("/keys/explorer")
    press = page.keyboard.press
    counted = page.locator(".result strong").first
    focused = page.locator(":focus")
    result = page.get_by_role("region", name="Result", exact=True)
    rows = result.locator("tbody tr")
    expect(counted).to_have_text("88")

    # 1: the spans of one service
    press("/")
    page.keyboard.type("service=ratings")
    expect(page.get_by_role("option").first).to_contain_text("ratings.default")
    press("Enter")
    expect(counted).to_have_text("8")
    press("Backspace")
    expect(counted).to_have_text("88")
    press("Escape")

    # 2: the slow ones, and back to all
    page.get_by_role("button", name="≥\u202fp95").focus()
    press("Enter")
    expect(page.get_by_role("slider")).to_have_count(2)
    page.get_by_role("slider").first.focus()
    press("PageDown")
    expect(page).to_have_url(re.compile("range="))
    page.get_by_role("button", name="Clear the range").focus()
    press("Enter")
    expect(page).not_to_have_url(re.compile("range="))
    expect(focused).to_have_count(1)  # what had the focus has gone

    # 3: groups, into one and back to its row
    press("b")
    press("s")
    press("Enter")
    groups = page.get_by_role("region", name="Groups", exact=True)
    expect(groups.locator("tbody tr")).to_have_count(5)
    press("j")
    press("ArrowDown")
    name = focused.locator("td").first.inner_text()
    press("Enter")
    expect(page).to_have_url(re.compile("filter="))
    expect(focused).to_have_text("back")
    press("Enter")
    expect(focused.locator("td").first).to_have_text(name, use_inner_text=True)
    press("b")
    press("Home")
    press("Enter")
    expect(page).not_to_have_url(re.compile("group_by="))

    # 4: the table is one stop; a row adds its service
    expect(rows).to_have_count(50)
    press("j")
    press("End")
    expect(rows.last).to_be_focused()
    press("Home")
    press("ArrowDown")
    expect(rows.nth(1)).to_be_focused()
    service = rows.nth(1).locator("td").first.inner_text().strip()
    press(NEXT)
    expect(focused).to_have_attribute("title", f"Add service {service} to the query")
    press("Enter")
    expect(page.get_by_role("search").get_by_role("group", name=f"service is {service}")).to_be_visible()
    expect(result.locator("tbody :focus")).to_have_count(1)

    # 5: what a service of the diagram calls slow
    page.get_by_role("tab", name="Service Diagram").focus()
    press("Enter")
    disc = page.get_by_role("button", name=re.compile("^ratings.default:"))
    disc.focus()
    press("Enter")
    panel = page.get_by_role("complementary", name="ratings.default")
    expect(panel).to_be_focused()
    press("Escape")
    expect(panel).to_have_count(0)
    expect(disc).to_be_focused()
    page.get_by_role("tab", name="Trace Analysis").focus()
    press("Enter")

    # 6: the trace of a row, its slow span, and back to the row
    expect(rows.first).to_be_visible()
    press("j")
    press("Enter")
    expect(page.get_by_role("treegrid")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
    first = page.url
    press("c")
    expect(page).not_to_have_url(first)
    press("y")
    said(page, "Link")
    page.go_back()
    expect(rows.first).to_be_focused()

    # 7: a stream of the query, a point of it in the Explorer
    page.get_by_role("button", name="Create stream").focus()
    press("Enter")
    said(page, "Stream created")
    press("g")
    press("m")
    expect(page.get_by_role("heading", name="Streams", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="Table of streams").locator("tbody tr")).to_have_count(1)
    press("j")
    press("Enter")
    expect(page.get_by_role("region", name="Latency")).to_be_visible()

    # 8: a service by a part of its name
    press("g")
    press("s")
    expect(page.get_by_role("heading", name="Services", level=1)).to_be_visible()
    services = page.get_by_role("region", name="Table of services").locator("tbody tr")
    expect(services).to_have_count(5)
    press("/")
    page.keyboard.type("revi")
    expect(services).to_have_count(1)
    press("ArrowDown")
    expect(focused).to_have_text("reviews.default")
    press(BACK)
    press("Enter")
    expect(services).not_to_have_count(1)
    press("j")
    press("Enter")
    expect(page).to_have_url(re.compile("explorer.*reviews.default.*operation"))
    expect(page.locator("main")).to_be_focused()
    page.go_back()
    expect(page.get_by_role("heading", name="Services", level=1)).to_be_visible()

    # 9: two snapshots beside each other; runs that were left at once are none
    for query in ("", 'service IN ("ratings.default")'):
        page.request.post(f"{served.url}/api/v1/projects/keys/snapshots", data={"query": query})
    press("g")
    press("n")
    snapshots = page.get_by_role("region", name="Table of snapshots").locator("tbody tr")
    expect(snapshots.nth(1)).to_be_visible()
    press("j")
    press(BACK)
    press("Space")
    press("ArrowDown")
    press("Space")
    page.get_by_role("link", name="Compare the two").focus()
    press("Enter")
    expect(page.get_by_role("heading", name="Compare snapshots", level=1)).to_be_visible()

    # 10: another project, another theme
    press("p")
    expect(page.get_by_role("menu", name="Projects")).to_be_visible()
    press("Escape")
    expect(page.get_by_role("button", name=re.compile("^Project:"))).to_be_focused()
    page.get_by_role("button", name="Use the dark theme").focus()
    press("Enter")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(focused).to_have_accessible_name("Use the light theme")


def test_back_from_a_trace_is_one_step(served: Satellite, open_page: Callable[..., Page]) -> None:
    project = served.client.project("back")
    project.import_(encode_request(bookinfo.batch()), format="otlp-protobuf")
    page = open_page("/back/live")
    page.get_by_role("region", name="Newest spans").locator("tbody a").first.click()
    expect(page.get_by_role("treegrid")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Live", level=1)).to_be_visible()
