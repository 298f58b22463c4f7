"""Each page: a picture in light, dark and 390 pixels, and what axe-core finds wrong with it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from satellite.embedded import Satellite
from satellite.protocols.otlp.export import encode_request
from tests import bookinfo
from tests.web.conftest import holding, picture, settled

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
QUERY = "query=service%20IN%20(%22reviews.default%22)"
TRACE = "trace/00000000b00c0008?span=0000000b00c00088"
FITS = "() => document.documentElement.scrollWidth <= innerWidth"
"""A function: an expression would be evaluated in the page again and again, which its policy forbids."""


@pytest.fixture(scope="module", autouse=True)
def spans(served: Satellite) -> None:
    project = served.client.project("pages")
    project.import_(encode_request(bookinfo.batch()), format="otlp-protobuf")
    project.run('service IN ("reviews.default")')
    project.create_stream('service IN ("reviews.default")')


PAGES = {
    "explorer": f"explorer?{QUERY}&range=100000-1000000",
    "groups": f"explorer?{QUERY}&group_by=operation&whole=1",
    "diagram": f"explorer?{QUERY}&tab=diagram&node=ratings.default",
    "over-time": "explorer?tab=time",
    "traces": "explorer?tab=traces",
    "empty": "explorer?query=service%20IN%20(%22nobody%22)",
    "trace": TRACE,
    "trace-folded": f"{TRACE}&pairs=folded",
    "services": "services?open=reviews.default",
    "streams": "streams",
    "live": "live",
    "snapshots": "snapshots",
    "reporters": "reporters",
    "requests": "requests",
    "status": "status",
}
LOOKS: dict[str, dict[str, Any]] = {
    "dark": {"color_scheme": "dark"},
    "390": {"viewport": {"width": 390, "height": 844}},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("name", PAGES)
def test_a_page(open_page: Callable[..., Page], name: str, look: str) -> None:
    page = open_page(f"/pages/{PAGES[name]}", **LOOKS[look])
    expect(page.locator("h1").first).to_be_attached()
    settled(page)
    picture(page, f"{name}-{look}")
    page.wait_for_function(FITS)
    serious(page)
    if look == "dark":  # and light, when the system turns so
        page.emulate_media(color_scheme="light")
        expect(page.get_by_role("button", name="Use the dark theme")).to_be_visible()
        settled(page)
        picture(page, f"{name}-light")
        serious(page)


def test_menus_and_sheets_too(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/pages/explorer?{QUERY}")
    expect(page.get_by_role("region", name="Spans", exact=True)).to_be_visible()
    settled(page)
    page.locator("#groupby").click()
    menu = page.get_by_role("menu", name="Group by", exact=True)
    expect(menu).to_be_visible()
    serious(page)
    page.keyboard.press("Escape")
    expect(menu).to_have_count(0)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_be_visible()
    serious(page)
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.get_by_role("combobox", name="Add a term").click()
    expect(page.get_by_role("option").first).to_be_visible()
    serious(page)


def test_a_theme_is_that_of_all_tabs(open_page: Callable[..., Page]) -> None:
    page = open_page("/pages/status")
    other = page.context.new_page()
    other.goto(page.url)
    page.get_by_role("button", name="Use the dark theme").click()
    expect(other.get_by_role("button", name="Use the light theme")).to_be_visible()
    expect(other.locator("html")).to_have_attribute("data-theme", "dark")


def test_nothing_moves_for_who_wants_it_so(open_page: Callable[..., Page]) -> None:
    moving = "() => document.getAnimations().length"
    page = open_page("/nobody/explorer")
    expect(page.get_by_role("heading", name="Waiting for the first span")).to_be_visible()
    assert page.evaluate(moving)
    page.emulate_media(reduced_motion="reduce")
    assert page.evaluate(moving) == 0


def test_every_width_between(open_page: Callable[..., Page]) -> None:
    page = open_page(f"/pages/explorer?{QUERY}&columns=http.status_code,istio.canonical_revision")
    first = page.get_by_role("region", name="Spans", exact=True).locator("tbody tr").first
    expect(first).to_be_visible()
    for width in (1920, 1280, 1101, 1021, 900, 861, 800, 640):
        page.set_viewport_size({"width": width, "height": 800})
        page.wait_for_function(FITS)
        page.wait_for_function(
            "() => [...document.querySelectorAll('tbody td')].every((cell) => cell.clientWidth >= 90)"
        )
    for path in ("snapshots", "streams", "status"):
        narrow = open_page(f"/pages/{path}", viewport={"width": 320, "height": 700})
        expect(narrow.locator("h1").first).to_be_attached()
        settled(narrow)
        narrow.wait_for_function(FITS)


@pytest.mark.parametrize("name", ["explorer", "diagram", "empty", "trace", "services", "snapshots", "status"])
def test_links_stay_below_the_prefix(served: Satellite, open_page: Callable[..., Page], name: str) -> None:
    page = open_page(
        f"/behind/mesh/pages/{PAGES[name]}", extra_http_headers={"X-Forwarded-Prefix": "/behind/mesh"}
    )
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    expect(page.locator("h1").first).to_be_attached()
    settled(page)
    paths = page.locator("a[href]").evaluate_all("all => all.map(one => one.pathname)")
    assert paths
    assert not [path for path in paths if not path.startswith("/behind/mesh/")]
    assert not [url for url in asked if not url.startswith((f"{served.url}/behind/mesh/", "data:", "blob:"))]


def test_live_shows_what_arrives(served: Satellite, open_page: Callable[..., Page]) -> None:
    page = open_page("/arriving/explorer")
    expect(page.get_by_role("heading", name="Waiting for the first span")).to_be_visible()
    served.client.project("arriving").import_(
        encode_request(bookinfo.batch(range(1))), format="otlp-protobuf"
    )
    expect(page.locator(".result strong").first).to_be_visible()
    # It begins with the newest that are there, and goes on from where they end.
    live = open_page("/arriving/live")
    rows = live.get_by_role("region", name="Newest spans").locator("tbody tr")
    here = len(bookinfo.batch(range(1)))
    expect(rows).to_have_count(here)
    expect(live.get_by_role("region", name="Live spans")).to_have_attribute("aria-busy", "false")
    more = bookinfo.batch(range(1, 2))
    served.client.project("arriving").import_(encode_request(more), format="otlp-protobuf")
    expect(rows).to_have_count(here + len(more))
    expect(live.locator("main")).to_contain_text(f"{len(more)} spans since this page was opened")


def test_a_quick_enter_means_what_was_typed(open_page: Callable[..., Page]) -> None:
    page = open_page("/pages/explorer")
    settled(page)
    page.get_by_role("combobox", name="Add a term").click()
    page.keyboard.type("http.status")
    expect(page.get_by_role("option")).to_have_count(1)
    settled(page)
    release = holding(page, "**/suggest?**")
    with page.expect_request(lambda request: "suggest?" in request.url and "q=500" in request.url):
        page.keyboard.type("_code=500")
    page.keyboard.press("Enter")
    release()  # all but the last were called off
    expect(page.locator(".chip")).to_have_text("http.status_code500")


def test_what_cannot_be_shown_says_so(open_page: Callable[..., Page]) -> None:
    page = open_page("/pages/explorer?snapshot_id=nosuchsnap", expects=("404", "ERR_FAILED", "Failed to"))
    snapshot = page.get_by_role("region", name="Snapshot", exact=True)
    expect(snapshot.get_by_role("alert")).to_contain_text("This snapshot is not kept")
    settled(page)
    asked = page.evaluate("performance.getEntriesByType('resource').map(one => one.name)")
    assert any("/snapshots/nosuchsnap" in url for url in asked)
    assert not any("snapshot=nosuchsnap" in url for url in asked)  # one part of the page says it, not each
    page.get_by_role("button", name="Show what is held now").click()
    expect(page.locator(".result strong").first).to_have_text("88")

    page.route("**/assets/Services*", lambda route: route.abort())
    page.get_by_role("link", name="Services", exact=True).click()
    expect(page.get_by_role("heading", name="Services did not load")).to_be_visible()
    page.unroute("**/assets/Services*")
    page.get_by_role("button", name="Load again").click()
    expect(page.get_by_role("region", name="Table of services")).to_be_visible()

    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_role("link", name="Explorer", exact=True).click()
    expect(page.get_by_text("The satellite does not answer").first).to_be_visible()
    page.unroute("**/api/v1/**")  # it is asked again by itself
    expect(page.locator(".result strong").first).to_have_text("88")
    row = page.get_by_role("region", name="Spans", exact=True).locator("tbody tr").first
    correlation = page.get_by_role("region", name="Correlations", exact=True).locator("li").first
    expect(row).to_be_visible()
    expect(correlation).to_be_visible()

    page.route("**/api/v1/**", lambda route: route.abort())
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("What you see is the last result").first).to_be_visible()
    expect(row).to_be_visible()
    expect(correlation).to_be_visible()
    page.unroute("**/api/v1/**")
    expect(page.get_by_text("What you see is the last result")).to_have_count(0)


def test_an_address_that_can_name_nothing_says_so(open_page: Callable[..., Page]) -> None:
    said = {
        "/no%20project/explorer": "There can be no such project",
        "/no%20project/snapshots": "There can be no such project",
        "/pages/trace/xyz": "This trace is not held",
        "/-/trace/xyz": "This trace is not held",
        "/pages/trace/xyz?snapshot_id=nosuchsnap": "This trace is not kept",
    }
    for address, words in said.items():
        page = open_page(address, expects=("400", "404"))
        expect(page.get_by_role("heading", name=words)).to_be_visible()
    for address, words in {
        "/pages/streams/nosuch": "There is no such stream",
        "/pages/snapshots/compare?a=nosuchsnap": "This snapshot is not kept",
    }.items():
        expect(open_page(address, expects=("404",)).get_by_text(words)).to_be_visible()
    # What looks like a token stands for the project that it named, and goes out of the address.
    page = open_page("/0123456789abcdef0123456789abcdef/explorer?query=")
    expect(page).to_have_url(re.compile(r"/token-\w+/explorer"))
    expect(page.get_by_role("heading", name="Waiting for the first span")).to_be_visible()
    # A trace of whatever project.
    page = open_page("/-/trace/00000000b00c0008")
    expect(page).to_have_url(re.compile(r"/\w+/trace/00000000b00c0008"))
    expect(page.get_by_role("treegrid")).to_be_visible()


def test_a_long_run_can_be_left(open_page: Callable[..., Page]) -> None:
    page = open_page("/pages/explorer", expects=("ERR_FAILED",))
    counted = page.locator(".result strong").first
    expect(counted).to_have_text("88")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.route(re.compile("/histogram"), lambda route: None)
    page.get_by_role("button", name="Run", exact=True).click()
    expect(page.get_by_text("Still counting")).to_be_visible()
    assert not [url for url in asked if "/correlations" in url], "what takes long waits until all is counted"
    page.get_by_role("button", name="Stop", exact=True).click()
    expect(page.get_by_text("Stopped: this is the result before")).to_be_visible()
    expect(counted).to_have_text("88")
    page.reload()
    expect(page.get_by_text("Still counting 88 spans")).to_be_visible()
    page.get_by_role("button", name="Stop", exact=True).click()
    page.unroute(re.compile("/histogram"))
    page.get_by_role("button", name="Run it again").click()
    expect(counted).to_have_text("88")
    expect(page.get_by_text("Stopped")).to_have_count(0)


def test_a_page_on_its_way_is_not_the_one_before(open_page: Callable[..., Page]) -> None:
    page = open_page("/pages/explorer")
    expect(page.locator(".result strong").first).to_have_text("88")
    page.route("**/assets/Services*.js", lambda route: None)
    page.get_by_role("link", name="Services", exact=True).click()
    expect(page.locator("main").get_by_text("Loading Services")).to_be_visible()
    expect(page.get_by_role("combobox", name="Add a term")).to_have_count(0)
    page.unroute("**/assets/Services*.js")
    page.reload()
    expect(page.get_by_role("region", name="Table of services")).to_be_visible()


def test_what_could_not_be_deleted_is_told(open_page: Callable[..., Page]) -> None:
    def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            route.fulfill(status=503, json={"error": {"code": "store_failed", "message": "the disk is full"}})
        else:
            route.continue_()

    page = open_page("/pages/streams", expects=("503",))
    page.route("**/streams/*", refuse)
    page.get_by_role("button", name="Delete", exact=True).first.click()
    page.get_by_role("button", name="Delete its history?").click()
    expect(page.get_by_role("alert")).to_have_text("the disk is full")


def test_services_of_a_platform(served: Satellite, open_page: Callable[..., Page]) -> None:
    def resource(number: int, service: str, language: str) -> dict[str, Any]:
        said = {"service.name": service, "telemetry.sdk.language": language}
        span = {
            "traceId": f"{number:032x}",
            "spanId": f"{number:016x}",
            "name": "work",
            "startTimeUnixNano": "1700000000000000000",
            "endTimeUnixNano": "1700000000001000000",
        }
        return {
            "resource": {
                "attributes": [{"key": key, "value": {"stringValue": text}} for key, text in said.items()]
            },
            "scopeSpans": [{"spans": [span]}],
        }

    traces = {"resourceSpans": [resource(1, "cart", "go"), resource(2, "shop", "python")]}
    served.client.project("platforms").import_(json.dumps(traces).encode(), format="otlp-json")
    page = open_page("/platforms/services")
    rows = page.get_by_role("region", name="Table of services").locator("tbody tr")
    expect(rows).to_have_count(2)
    page.get_by_role("button", name="All platforms").click()
    page.get_by_role("menuitemradio", name="python").click()
    expect(rows).to_have_count(1)
    expect(rows).to_contain_text("shop")
    page.reload()
    expect(rows).to_have_count(1)
    serious(page)


def serious(page: Page) -> None:
    """Fails for what axe finds serious or critical."""
    if not AXE.exists():
        pytest.skip("axe-core comes with what builds the pages: `make pages`")
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run({resultTypes: ['violations']})")
    wrong = [
        f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
    ]
    assert not wrong
