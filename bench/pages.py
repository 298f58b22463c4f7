"""What a person waits for in a browser: first load, a query over many spans, a large trace, its scrolling."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import CDPSession, Page, sync_playwright

from bench.figures import Figure
from bench.large_trace import PROJECT, TRACE_ID
from bench.queries import COMMON, RARE
from bench.workbench import Workbench
from tests.chromium import ARGUMENTS, installed_browser

FRAMES = 120
SEEN = """
const wait = (selector, name) => {
  const look = () => document.querySelector(selector) ? requestAnimationFrame(() => (window[name] = performance.now())) : requestAnimationFrame(look);
  look();
};
wait("rect.bar", "histogram_ms");
wait(".waterfall .line", "trace_ms");
"""
"""Milliseconds from the start of the navigation to the frame after what is waited for was there."""
ASK = """(query) => new Promise((drawn) => {
  const shown = () => document.querySelector(".result strong")?.textContent;
  const [before, began] = [shown(), performance.now()];
  history.pushState(null, "", location.pathname + "?query=" + encodeURIComponent(query));
  dispatchEvent(new PopStateEvent("popstate"));
  const look = () => shown() !== before ? requestAnimationFrame(() => drawn(performance.now() - began)) : requestAnimationFrame(look);
  look();
})"""
"""What Run does, until the other count and its histogram are drawn."""
SCROLL = """(frames) => new Promise((done) => {
  const took = [];
  let last = performance.now();
  const next = (now) => {
    took.push(now - last);
    last = now;
    scrollBy(0, 300);
    if (took.length < frames) requestAnimationFrame(next);
    else done(took.slice(1));
  };
  requestAnimationFrame(next);
})"""
SIZE = """() => performance.getEntriesByType("resource").filter((one) => one.name.endsWith(".js"))
  .reduce((sum, one) => sum + one.encodedBodySize, 0)"""


def measure(bench: Workbench) -> Iterator[Figure]:
    """A headless Chromium on this machine, which it shares with the satellite; nothing is slowed down."""
    try:
        executable = installed_browser()
    except pytest.skip.Exception as without:
        print(f"pages: {without.msg}", file=sys.stderr)
        return
    loaded = bench.loaded
    server = loaded.server
    origin = f"http://127.0.0.1:{server.ports['explorer_port']}"
    first: list[float] = []
    script: list[float] = []
    trace: list[float] = []
    busy: list[float] = []
    frames: list[float] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        for _ in range(bench.rounds):
            with browser.new_context() as context:
                page = context.new_page()
                page.add_init_script(SEEN)
                page.goto(f"{origin}/{PROJECT}/explorer")
                first.append(_seen(page, "histogram_ms"))
                script.append(float(page.evaluate(SIZE)) / 1e3)
            with browser.new_context() as context:
                page = context.new_page()
                page.add_init_script(SEEN)
                watch = context.new_cdp_session(page)
                watch.send("Performance.enable", {"timeDomain": "threadTicks"})
                page.goto(f"{origin}/{PROJECT}/trace/{TRACE_ID}")
                trace.append(_seen(page, "trace_ms"))
                busy.append(_busy_ms(watch))
                page.wait_for_load_state("networkidle")
                frames += page.evaluate(SCROLL, FRAMES)
        page = browser.new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{origin}/{loaded.project}/explorer?query={quote(RARE)}")
        page.locator("rect.bar").first.wait_for()
        asked = [float(page.evaluate(ASK, (COMMON, RARE)[i % 2])) for i in range(bench.repeats)]
        browser.close()
    yield Figure("pages", "script of the first page, compressed", "kB", script, floor=250, goal=90)
    yield Figure("pages", "first load → histogram drawn, 10,000 spans", "ms", first, floor=400)
    yield Figure("pages", f"Run → histogram drawn, {loaded.spans:,} spans", "ms", asked, floor=200)
    yield Figure("pages", "trace of 10,000 spans, first paint", "ms", trace, floor=1000)
    yield Figure("pages", "trace of 10,000 spans, processor time of the page until then", "ms", busy)
    yield Figure("pages", "frame while such a trace scrolls", "ms", frames, floor=17)


def _seen(page: Page, name: str) -> float:
    page.wait_for_function(f"() => window.{name}", timeout=120_000)
    return float(page.evaluate(f"window.{name}"))


def _busy_ms(watch: CDPSession) -> float:
    metrics = {one["name"]: one["value"] for one in watch.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"]) * 1e3
