"""The story of Istio's task page, word for word, against `satellite serve` and `satellite demo` as processes."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.processes import COMMAND, Process
from tests.web.conftest import settled

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)
VISITS = 40


@pytest.fixture(scope="module")
def satellite() -> Iterator[Process]:
    """`satellite serve`, and behind it what `satellite demo` has sent."""
    with Process(listens=["grpc_plain_port"], host="0.0.0.0", question_seconds_max=120) as process:
        target = own(process, "grpc_plain_port")
        sent = subprocess.run(
            [
                *COMMAND,
                "demo",
                "--plain",
                f"--address={target}",
                "--rate=100",
                f"--traces={VISITS}",
                "--format=json",
            ],
            capture_output=True,
            check=True,
        )
        assert json.loads(sent.stdout)["spans_refused"] == 0
        yield process


def own(process: Process, setting: str) -> str:
    """How this machine reaches a port."""
    return "127.0.0.1:" + process.listeners[setting].rpartition(":")[2]


def test_istios_task(satellite: Process, open_page: Callable[..., Page]) -> None:
    # «Load the LightStep web UI. Navigate to Explorer.»
    page = open_page("/", origin="http://" + own(satellite, "explorer_port"))
    page.get_by_role("link", name="Explorer", exact=True).click()
    # «Find the query bar at the top of Explorer. It allows you to interactively filter by Service, Operation, and Tag
    # values.»
    bar = page.get_by_role("combobox", name="Add a term")
    bar.click()
    for kind in ("Services", "Operations", "Tags"):
        expect(page.get_by_role("group", name=kind, exact=True)).to_be_visible()
    # «Select productpage.default from the Service list. Click Run.»
    services = page.get_by_role("group", name="Services", exact=True)
    services.get_by_role("option").filter(has_text="productpage.default").first.click()
    expect(page.locator(".chip")).to_contain_text("productpage.default")
    page.keyboard.press("Escape")
    page.get_by_role("button", name="Run", exact=True).click()
    settled(page)
    expect(page.locator(".result")).to_contain_text(f"in {VISITS} traces")
    # «Click on the first row in the example traces table below the latency histogram to see the details.»
    expect(page.get_by_role("region", name="Latency histogram").locator("rect.bar").first).to_be_visible()
    page.get_by_role("region", name="Spans", exact=True).locator("tbody tr").first.click()
    # «Two spans have the same operation: the client's is labelled productpage.default: proxy client, the server's
    # reviews.default: proxy server.»
    grid = page.get_by_role("treegrid")
    caller = (
        grid.get_by_role("row")
        .filter(has_text="productpage.default: proxy client")
        .filter(has_text="reviews.")
    )
    expect(caller.first).to_be_visible()
    expect(grid).to_contain_text("reviews.default: proxy server")


def test_status_says_that_others_can_look(satellite: Process, open_page: Callable[..., Page]) -> None:
    page = open_page("/default/status", origin="http://" + own(satellite, "explorer_port"))
    expect(page.locator(".notice.warn").filter(has_text="open to other machines")).to_be_visible()
