"""A real `satellite serve` with its pages, and a real browser to look at them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Route, expect, sync_playwright

from satellite.embedded import Satellite
from satellite.page_ports import PAGES_FOLDER
from tests.chromium import ARGUMENTS, installed_browser

PICTURES = Path(__file__).parents[2] / "screenshots"
"""Of each page, to be looked at; git ignores them. Those called readme-… are copied into docs/pictures."""

WATCHED = """
window.open_questions = 0;
const counted = (name, of) => {
  const does = of[name];
  of[name] = function (...how) {
    window.open_questions += 1;
    return does.apply(this, how).finally(() => (window.open_questions -= 1));
  };
};
counted("fetch", window);
counted("json", Response.prototype);
window.was_said = [];
new MutationObserver((changes) => {
  for (const change of changes)
    for (const node of change.addedNodes) if (node.matches?.(".toast")) window.was_said.push(node.textContent);
}).observe(document, { childList: true, subtree: true });
"""
"""Counts what is asked until it is read, and keeps the words of notes that go by themselves."""

QUIET = """() => {
  window.quiet_frames = window.open_questions ? 0 : window.quiet_frames + 1;
  return window.quiet_frames > 10;
}"""
"""Asked at each frame: nothing was on its way for ten of them."""


@pytest.fixture(scope="session")
def served() -> Iterator[Satellite]:
    """A satellite with an hour of Bookinfo in its default project."""
    if not (PAGES_FOLDER / "index.html").exists():
        pytest.skip("the pages are not built: `make pages` needs npm")
    with Satellite(question_seconds_max=120) as satellite:  # a busy machine is no defect
        yield satellite


@pytest.fixture(scope="package")  # and no longer: its event loop would be in the way of other tests
def browser() -> Iterator[Browser]:
    executable = installed_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def open_page(served: Satellite, browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens an address of the satellite, or of another; what its console or another host sees fails the test."""
    wrong: list[str] = []
    contexts = []

    def open_(path: str, *, origin: str = served.url, expects: tuple[str, ...] = (), **how: Any) -> Page:
        context = browser.new_context(
            **({"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"} | how)
        )
        context.set_default_timeout(60_000)
        context.grant_permissions(["clipboard-read", "clipboard-write"])
        contexts.append(context)
        page = context.new_page()
        page.add_init_script(WATCHED)

        def heard(kind: str, text: str) -> None:
            if kind in ("error", "warning") and not any(part in text for part in expects):
                wrong.append(f"{path}: {kind}: {text}")

        page.on("console", lambda message: heard(message.type, message.text))
        page.on("pageerror", lambda error: wrong.append(f"{path}: {error}"))
        page.on(
            "request",
            lambda request: (
                None
                if request.url.startswith((origin, "data:", "blob:"))
                else wrong.append(f"{path} asks {request.url}")
            ),
        )
        page.goto(origin + path)
        return page

    yield open_
    for context in contexts:
        context.close()
    assert not wrong


def holding(page: Page, pattern: str) -> Callable[[], None]:
    """Keep back what the page asks for from now on; call what is returned to let it, and all that follows, go."""
    held: list[Route] = []
    released = False

    def hold(route: Route) -> None:
        if released:
            route.continue_()
        else:
            held.append(route)

    def release() -> None:
        nonlocal released
        released = True
        for route in held:
            route.continue_()

    page.route(pattern, hold)
    return release


def settled(page: Page) -> None:
    """Waits until the page has shown what it asked for, and what it asked for then."""
    expect(page.locator(".skeleton")).to_have_count(0)
    page.evaluate("window.quiet_frames = 0")
    page.wait_for_function(QUIET)
    expect(page.locator(".skeleton")).to_have_count(0)


def said(page: Page, words: str) -> None:
    """Waits until a note says so; it may have gone by then."""
    page.wait_for_function("(words) => window.was_said.some((one) => one.includes(words))", arg=words)


def picture(page: Page, name: str) -> None:
    """Keep a picture of the page as it is."""
    PICTURES.mkdir(exist_ok=True)
    page.screenshot(path=os.fspath(PICTURES / f"{name}.png"), animations="disabled")
