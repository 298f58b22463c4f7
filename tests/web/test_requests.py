"""The page of requests, and the faults below it, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from satellite.embedded import Satellite
from tests.faults.test_misbehaviour import post, report
from tests.web.conftest import picture, settled

pytestmark = pytest.mark.interop
expect.set_options(timeout=60_000)


def test_requests_their_detail_and_faults(served: Satellite, open_page: Callable[..., Page]) -> None:
    project: Any = served.client.project("requests-page")
    page = open_page("/requests-page/requests", expects=("400",))
    expect(page.get_by_role("region", name="Table of requests")).to_contain_text("No request has come")

    line = page.get_by_placeholder("status=503 times=2, or a profile")
    faults = page.get_by_role("region", name="Faults", exact=True)
    line.fill("status=99")
    faults.get_by_role("button", name="Add fault").click()
    expect(faults.get_by_role("alert")).to_contain_text("status")
    line.fill("status=503 times=1")
    faults.get_by_role("button", name="Add fault").click()
    expect(faults).to_contain_text("status=503 times=1")

    assert post(served, report(project)).status_code == 503
    assert post(served, report(project)).status_code == 200
    table = page.get_by_role("region", name="Table of requests")
    rows = table.get_by_role("button", name="POST /api/v2/reports")
    expect(rows).to_have_count(2)
    expect(faults).to_contain_text("hit 1 of")
    page.get_by_role("group", name="Outcome").get_by_role("button", name="Refused").click()
    expect(rows).to_have_count(1)
    rows.first.click()
    answer = page.get_by_role("region", name="Answer", exact=True)
    expect(answer).to_contain_text("A fault hit it (f1): status=503")
    expect(page.get_by_role("region", name="Body", exact=True)).to_contain_text("lightstep: 1 span of shop")
    expect(page.get_by_label("curl command")).to_contain_text("--data-binary @request-")
    with page.expect_download() as saved:
        page.get_by_role("link", name="Save body").click()
    assert saved.value.path().read_bytes() == report(project)
    settled(page)
    picture(page, "requests-detail")

    page.get_by_role("button", name="Remove fault f1").click()
    expect(faults).to_contain_text("None.")
    assert project.faults() == []
