"""Explorer in a real browser: the session in words (explorer.md §15.8), Istio's own story, links, keys, bad queries."""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import quote

import pytest
from playwright.sync_api import Locator, Page, expect

from satellite.embedded import Satellite
from satellite.protocols.otlp.export import encode_request
from tests import bookinfo
from tests.web.conftest import holding, picture, said, settled

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)  # a busy machine is no defect
Open = Callable[..., Page]


@pytest.fixture(scope="module", autouse=True)
def spans(served: Satellite) -> None:
    """The fixture of explorer.md §15, in a project of its own."""
    served.client.project("fixture").import_(encode_request(bookinfo.batch()), format="otlp-protobuf")


def add(page: Page, text: str, option: str) -> None:
    page.get_by_role("combobox", name="Add a term").fill(text)
    page.get_by_role("option").filter(has_text=option).first.click()


def run(page: Page) -> None:
    page.get_by_role("button", name="Run", exact=True).click()


def rows_of(page: Page, table: str = "Spans") -> Locator:
    return page.get_by_role("region", name=table, exact=True).locator("tbody tr")


def counted(page: Page, spans: str) -> None:
    expect(page.locator(".result strong").first).to_have_text(spans)


def test_the_session_in_words(open_page: Open) -> None:
    page = open_page("/fixture/explorer")
    add(page, "productpage", bookinfo.PRODUCTPAGE)
    run(page)
    counted(page, "36")
    add(page, "reviews", bookinfo.REVIEWS_CALL)
    run(page)
    counted(page, "12")
    settled(page)

    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    plot = page.locator("rect.hit").bounding_box()
    assert plot
    page.mouse.move(plot["x"] + plot["width"] * 0.75, plot["y"] + 40)
    page.mouse.down()
    page.mouse.move(plot["x"] + plot["width"] - 2, plot["y"] + 40, steps=5)
    page.mouse.up()
    expect(page.locator(".chip.range")).to_contain_text("2 spans")
    rows = rows_of(page)
    expect(rows).to_have_count(2)
    correlations = page.get_by_role("region", name="Correlations", exact=True).locator("ul").first
    expect(correlations).to_contain_text("istio.canonical_revision = v3")
    expect(correlations).to_contain_text("+0.80")
    expect(correlations).to_contain_text("+0.60")

    assert not [url for url in asked if "/histogram" in url], "a range is a part of what is there"

    page.get_by_role("button", name="Actions for istio.canonical_revision = v3").click()
    page.get_by_role("menuitem", name="Group by istio.canonical_revision").click()
    expect(page.get_by_role("checkbox", name="All spans in traces")).to_be_checked()
    expect(rows_of(page, "Groups").first).to_contain_text("v3")

    page.get_by_role("tab", name="Service Diagram").click()
    widest = page.get_by_role("button", name=f"{bookinfo.RATINGS}:").locator(".halo")
    expect(widest).to_be_visible()
    settled(page)
    radii = page.locator("svg .halo").evaluate_all("all => all.map(one => Number(one.getAttribute('r')))")
    assert float(widest.get_attribute("r") or 0) == max(radii)

    page.get_by_role("tab", name="Trace Analysis").click()
    page.locator("#groupby").click()
    page.get_by_role("menuitemradio", name="No grouping").click()
    page.get_by_label("All spans in traces").uncheck()
    expect(rows).to_have_count(2)
    settled(page)
    rows.first.click()
    expect(page).to_have_url(re.compile(r"/fixture/trace/00000000b00c000b\?span=0000000b00c000b5"))
    legend = page.get_by_role("group", name="Services, by share of the critical path")
    expect(legend.get_by_role("button").first).to_contain_text(bookinfo.RATINGS)
    expect(page.get_by_role("treegrid").locator(".path").first).to_be_visible()


def test_a_shared_snapshot_survives_eviction(served: Satellite, open_page: Open) -> None:
    project = served.client.project("moving")
    project.import_(encode_request(bookinfo.batch()), format="otlp-protobuf")
    page = open_page("/moving/explorer?query=" + quote('service IN ("productpage.default")'))
    counted(page, "36")
    page.get_by_role("button", name="Share", exact=True).click()
    said(page, "Link to this snapshot copied")
    link = page.evaluate("navigator.clipboard.readText()")
    assert "snapshot_id=" in link
    project.reset()
    colleague = open_page(link.removeprefix(served.url))
    counted(colleague, "36")
    expect(rows_of(colleague)).to_have_count(36)
    expect(colleague.locator(".chip").first).to_contain_text("productpage.default")
    colleague.get_by_role("button", name="Export", exact=True).click()
    file = colleague.get_by_role("menuitem", name="OTLP JSON")
    expect(file).to_have_attribute("href", re.compile("snapshot="))  # not what is held meanwhile
    colleague.keyboard.press("Escape")
    rows_of(colleague).first.click()
    expect(colleague.get_by_role("treegrid")).to_be_visible()


def test_traces_are_listed_one_row_each(open_page: Open) -> None:
    page = open_page("/fixture/explorer?query=" + quote('service IN ("ratings.default")'))
    page.get_by_role("tab", name="Traces").click()
    traces = rows_of(page, "Traces")
    expect(traces).to_have_count(8)
    page.get_by_role("columnheader", name="Duration").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    expect(traces.first).to_contain_text("913")
    page.get_by_role("link").filter(has_text="productpage.default.svc").first.click()
    expect(page).to_have_url(re.compile("/fixture/trace/00000000b00c000b"))


def test_istios_own_story(served: Satellite, open_page: Open) -> None:
    page = open_page("/")
    expect(
        page.get_by_role("heading", name="Waiting for the first span")
        .or_(page.locator(".result strong").first)
        .first
    ).to_be_visible()
    page = open_page("/story/explorer")
    expect(page.get_by_role("heading", name="Waiting for the first span")).to_be_visible()
    picture(page, "first-visit-light")
    with page.expect_response("**/demo", timeout=120_000) as answered:
        page.get_by_role("button", name="Send demo traffic").click()
    # The page turns into data by itself, and shows all of it when all of it is there.
    counted(page, f"{answered.value.json()['spans']:,}")
    page.get_by_role("combobox", name="Add a term").click()
    services = page.get_by_role("group", name="Services", exact=True)
    services.get_by_role("option").filter(has_text="productpage.default").first.click()
    expect(page.locator(".chip")).to_contain_text("productpage.default")
    page.keyboard.press("Escape")
    run(page)
    settled(page)
    rows_of(page).first.click()
    grid = page.get_by_role("treegrid")
    expect(grid).to_contain_text("productpage.default: proxy client")
    expect(grid).to_contain_text("reviews.default: proxy server")
    for name, parameters in README.items():
        page.goto(f"{served.url}/story/explorer?{parameters}")
        settled(page)
        if name == "trace":
            rows_of(page).first.click()
            expect(grid).to_be_visible()
            page.mouse.move(0, 0)
            settled(page)
        for look in ("light", "dark"):
            page.emulate_media(color_scheme=look)
            picture(page, f"readme-{name}-{look}")


README = {
    "explorer": "query=service+IN+(%22reviews.default%22)&preset=p95",
    "diagram": "query=service+IN+(%22reviews.default%22)&tab=diagram&node=ratings.default",
    "trace": "only=errors",
}
"""Of an hour of demo traffic; the trace is the slowest with an error."""


def test_the_story_with_keys_alone(served: Satellite, open_page: Open) -> None:
    page = open_page("/fixture/explorer")
    counted(page, "88")
    page.keyboard.press("/")
    page.keyboard.type("service=prod")
    expect(page.get_by_role("option").first).to_contain_text("productpage.default")
    page.keyboard.press("Enter")
    counted(page, "36")
    page.keyboard.press("Escape")
    page.keyboard.press("Control+Enter")
    settled(page)
    page.keyboard.press("Tab")
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("treegrid")).to_be_visible()
    page.go_back()  # who comes back stands on the row again
    row = rows_of(page).first
    expect(row).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("treegrid")).to_be_visible()
    expect(page.locator("main")).to_be_focused()
    first = page.url
    page.keyboard.press("j")
    expect(page).not_to_have_url(first)
    page.keyboard.press("?")
    sheet = page.get_by_role("dialog", name="Keyboard")
    expect(sheet).to_be_visible()
    page.keyboard.press("Escape")
    expect(sheet).to_have_count(0)
    page.keyboard.press("g")
    page.keyboard.press("t")
    expect(page.get_by_role("heading", name="Status", level=1)).to_be_visible()


def test_a_bad_query_shows_its_place(open_page: Open) -> None:
    bad = 'service IN ("a") OR service IN ("b")'
    page = open_page("/fixture/explorer?query=" + quote(bad), expects=("400",))
    alert = page.get_by_role("search", name="Query").get_by_role("alert")
    expect(alert).to_contain_text("Column 18")
    expect(alert.locator(".caret")).to_have_text("OR")
    page.get_by_role("textbox", name="Query text").fill('http.status_code IN ("500")')
    page.keyboard.press("Enter")
    counted(page, "2")
    expect(page.get_by_role("textbox", name="Query text")).to_have_value('"http.status_code" IN ("500")')


def test_a_click_on_a_columns_head_sorts_all_matches(open_page: Open) -> None:
    page = open_page("/fixture/explorer?columns=http.status_code,istio.canonical_revision")
    rows = rows_of(page)
    counted(page, "88")
    head = page.get_by_role("columnheader", name="status_code", exact=True)
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    expect(rows.first).to_contain_text("200")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(rows.first).to_contain_text("500")
    expect(page).to_have_url(re.compile(r"sort=-value%3Ahttp\.status_code|sort=-value:http\.status_code"))
    page.get_by_role("button", name="Next", exact=True).click()
    expect(page.get_by_text("51–88 of 88")).to_be_visible()
    page.go_back()
    expect(head).to_have_attribute("aria-sort", "ascending")


SPAN = "0000000b00c00025"
TRACE_URL = re.compile(r"/fixture/trace/00000000b00c0002\?span=0000000b00c00025")
FOUND_URL = re.compile(r"/(?!-/)[^/]+/trace/00000000b00c0002(\?span=0000000b00c00025)?$")
"""Of any project that has it: other tests make some with the same spans."""


@pytest.mark.parametrize(
    ("path", "url"),
    [
        (f"/fixture/trace?span_guid={SPAN}", TRACE_URL),
        (f"/some-access-token/trace?span_guid={SPAN}&at_micros=1700000002010000", FOUND_URL),
        ("/trace/b00c0002", FOUND_URL),
        ("/zipkin/traces/00000000b00c0002", FOUND_URL),
        (
            "/search?service=ratings.default&tags=%7B%22error%22%3A%22true%22%7D&minDuration=1ms&lookback=1h",
            re.compile(
                r"^http://[^/]+/(?!-/)[^/]+/explorer\?query=service\+IN.*ratings.*error.*&range=1000-"
            ),
        ),
        (f"/-/trace?at_micros=1700000002010000&selected_span_guid={SPAN}&trace_handle=opaque", FOUND_URL),
        (
            "/fixture/explorer?selected_node_id=ratings.default",
            re.compile(r"node=ratings.default.*tab=diagram"),
        ),
        (
            "/fixture/explorer?selected_node_id=ratings.default&group_by_key=http.method&group_by_type=tag",
            re.compile(r"group_by=http.method"),
        ),
        (
            "/fixture/explorer?selected_node_id=ratings.default&filter[0][type]=built-in&filter[0][key]=operation&filter[0][value]=x",
            re.compile(r"filter="),
        ),
    ],
)
def test_addresses_that_others_print(open_page: Open, path: str, url: re.Pattern[str]) -> None:
    page = open_page(path)
    expect(page).to_have_url(url)
    expect(page.locator("h1").first).to_be_attached()


def test_latencies_among_the_terms_of_a_text_select(open_page: Open) -> None:
    page = open_page("/fixture/explorer?form=text", expects=("400",))
    area = page.get_by_role("textbox", name="Query text")

    def ask(text: str) -> None:
        area.fill(text)
        area.press("Enter")

    ask("duration>100ms")
    expect(page.locator(".chip.range")).to_contain_text("12 spans")
    expect(area).to_have_value("")
    ask(f'service IN ("{bookinfo.PRODUCTPAGE}") and maxDuration=1.3s AND duration >= 100 ms')
    counted(page, "36")
    expect(area).to_have_value(f'service IN ("{bookinfo.PRODUCTPAGE}")')
    expect(page.locator(".chip.range")).to_contain_text(re.compile("100\u202fms – 1.26\u202fs"))
    ask("duration>quick")
    expect(page.get_by_role("alert")).to_contain_text("min_latency_us, in µs")


def test_an_answer_leaves_alone_what_was_typed_since(open_page: Open) -> None:
    page = open_page("/fixture/explorer?form=text")
    area = page.get_by_role("textbox", name="Query text")
    settled(page)
    release = holding(page, "**/api/v1/query?**")
    with page.expect_request("**/api/v1/query?**"):
        area.fill('service IN ("nobody")')
        area.press("Enter")
    area.fill("half a thou")
    with page.expect_response("**/api/v1/query?**"):
        release()
    settled(page)
    expect(area).to_have_value("half a thou")
    area.fill('service  IN ("somebody")')
    area.press("Enter")
    expect(area).to_have_value('service IN ("somebody")')


def test_what_other_tools_have_fields_for_can_be_typed(open_page: Open) -> None:
    page = open_page("/fixture/explorer")
    bar = page.get_by_role("combobox", name="Add a term")

    def enter(text: str) -> None:
        bar.fill(text)
        bar.press("Enter")

    enter("duration >= 100ms")
    expect(page.locator(".chip.range")).to_contain_text("100\u202fms –")
    expect(page.locator(".chip.range")).to_contain_text("12 spans")
    enter("span.kind=server error=true")
    counted(page, "1")
    expect(page.locator(".chip.range")).to_contain_text(
        "100\u202fms –"
    )  # it was chosen, and is not the terms'
    expect(page.locator(".chips .chip")).to_have_count(2)
    expect(bar).to_be_focused()
    expect(page.get_by_role("listbox")).to_have_count(0)  # the result is seen, and its rows can be clicked
    enter(SPAN)
    expect(page).to_have_url(TRACE_URL)
    page.go_back()
    enter("00000000b00c0002")
    expect(page).to_have_url(re.compile("/fixture/trace/00000000b00c0002$"))


def test_a_link_shows_the_very_screen(open_page: Open) -> None:
    query = quote('service IN ("productpage.default")')
    page = open_page(
        f"/fixture/explorer?query={query}&range=100000-1000000&group_by=operation&errors=0&corr=errors"
    )
    expect(page.locator(".chip.range")).to_be_visible()
    groups = page.get_by_role("region", name="Groups", exact=True)
    expect(groups).to_be_visible()
    settled(page)
    before = groups.inner_text()
    page.reload()
    expect(groups).to_have_text(before, use_inner_text=True)
    expect(page.get_by_role("tab", name="Errors")).to_have_attribute("aria-selected", "true")


def test_markup_and_bidirectional_text_are_text(served: Satellite, open_page: Open) -> None:
    from satellite.model.reporter import Reporter
    from satellite.model.spans import SpanBuilder

    evil = '<script>window.hacked=1</script><img src=x onerror="window.hacked=1">\u202egnp.exe\x07'
    builder = SpanBuilder()
    builder.add(
        reporter=Reporter(protocol="otlp", service=evil, id=7, attributes=(("service.name", evil),)),
        operation=evil,
        trace_low=77,
        span_id=78,
        parent_id=0,
        start_ns=bookinfo.START_US * 1000,
        duration_ns=5_000_000,
        tags={
            "component": "proxy",
            **{f"key.{n}": "v" for n in range(500)},
            evil: evil,
            "large": "x" * 1_000_000,
        }.items(),
    )
    served.client.project("evil").import_(encode_request(builder.build()), format="otlp-protobuf")
    page = open_page("/evil/explorer")
    counted(page, "1")
    rows_of(page).first.click()
    expect(page.get_by_role("complementary", name="Selected span")).to_contain_text(
        "<script>window.hacked=1</script>"
    )
    expect(page.get_by_role("button", name=re.compile("Show all 1.00"))).to_be_attached()
    assert page.evaluate("window.hacked") is None
    expect(page.locator(".waterfall .who bdi")).to_have_text(evil)  # by itself: it turns no word of ours
