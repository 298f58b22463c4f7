"""Runs and snapshots over HTTP, and the questions that are asked of them."""

from __future__ import annotations

from typing import Any

import pytest

from tests import bookinfo
from tests.api.test_explorer import PROJECT, Api, api

__all__ = ["api"]

SNAPSHOTS = f"{PROJECT}/snapshots"


def run(api: Api, query: str = bookinfo.Q2.text, **more: Any) -> dict[str, Any]:
    found: dict[str, Any] = api.post(SNAPSHOTS, json={"query": query, **more})
    return found


def test_run_and_ask(api: Api) -> None:
    found = run(api, name="slow tail", state={"tab": "diagram"}, limit=3)
    snapshot = found["snapshot"]
    assert (snapshot["spans"], snapshot["traces"], snapshot["kept_spans"]) == (12, 12, 88)
    assert snapshot["state"] == {"tab": "diagram"}
    assert len(found["page"]["spans"]) == 3
    api.store.reset("p")
    whole = api.get(f"{SNAPSHOTS}/{snapshot['id']}")
    assert whole == {"snapshot": snapshot, "histogram": found["histogram"]}
    where = {"snapshot": snapshot["id"]}
    assert api.get(f"{PROJECT}/histogram", **where)["buckets"] == found["histogram"]["buckets"]
    rest = api.get(f"{PROJECT}/spans", **where, cursor=found["page"]["next_cursor"])["spans"]
    assert len(rest) == 9
    rows = api.get(f"{PROJECT}/groups", **where, by="service", whole=True)["groups"]
    shown = [(row["values"][0], row["count"], round(row["avg_latency_us"], 1)) for row in rows]
    assert shown == [(row.value, row.spans, row.mean_us) for row in bookinfo.ALL_BY_SERVICE]
    assert len(api.get(f"{PROJECT}/traces/00000000b00c0002", **where)["spans"]) == 8
    assert api.get(f"{PROJECT}/services", **where, query="")["services"][0]["service"] == bookinfo.DETAILS
    assert api.get(f"{PROJECT}/suggest", **where, kind="service")["suggestions"]
    assert api.get(SNAPSHOTS)["snapshots"] == [snapshot]


@pytest.mark.parametrize("where", ["live", "snapshot"])
def test_all_spans_in_traces_and_filters(api: Api, where: str) -> None:
    asked: dict[str, Any] = {"query": bookinfo.Q1.text}
    if where == "snapshot":
        asked = {"snapshot": run(api, bookinfo.Q1.text)["snapshot"]["id"]}
    rows = api.get(f"{PROJECT}/groups", **asked, by="istio.canonical_revision", whole=True)["groups"]
    shown = [
        bookinfo.GroupAnswer(
            row["values"][0], row["count"], round(row["avg_latency_us"], 1), round(row["error_ratio"], 4)
        )
        for row in rows
    ]
    assert shown == list(bookinfo.ALL_BY_REVISION)
    assert api.get(f"{PROJECT}/spans", **asked)["total"] == 36
    assert api.get(f"{PROJECT}/spans", **asked, whole=True)["total"] == 88
    filtered = 'service IN ("ratings.default")'
    assert api.get(f"{PROJECT}/spans", **asked, whole=True, filter=filtered)["total"] == 8
    assert api.get(f"{PROJECT}/spans", **asked, filter=filtered)["total"] == 0


def test_percentile_presets(api: Api) -> None:
    spans = api.get(f"{PROJECT}/spans", query=bookinfo.Q2.text, percentile="p95")["spans"]
    assert [span["duration_us"] for span in spans] == [905_300]
    assert api.get(f"{PROJECT}/histogram", query=bookinfo.Q2.text, percentile="p50")["count"] == 7
    assert api.get(f"{PROJECT}/histogram", query='service IN ("x")', percentile="p50")["count"] == 0


def test_change_delete_and_what_is_gone(api: Api) -> None:
    one = f"{SNAPSHOTS}/{run(api)['snapshot']['id']}"
    changed = api.post(one, json={"pinned": True, "name": "kept"})
    assert (changed["pinned"], changed["name"]) == (True, "kept")
    assert api.request("DELETE", one).status_code == 204
    error = api.refusal("GET", one, 404)
    assert error["kept"] == []
    assert "gone" in error["message"]
    for question in ("histogram", "spans", "groups", "heatmap", "services", "traces/00000000b00c0002"):
        api.refusal("GET", f"{PROJECT}/{question}", 404, params={"snapshot": "nothinghere"})


def test_a_file_there_and_back(api: Api) -> None:
    snapshot = run(api)["snapshot"]
    content = api.request("GET", f"{SNAPSHOTS}/{snapshot['id']}/file")
    assert content.headers["content-type"] == "application/json"
    imported = api.post("/api/v1/projects/other/import-snapshot", content=content.content)["snapshot"]
    assert imported["id"] == snapshot["id"]
    found = api.get("/api/v1/projects/other/spans", snapshot=snapshot["id"])
    assert found["total"] == 12
    api.refusal("POST", f"{PROJECT}/import-snapshot", 400, content=b"{}")


@pytest.mark.parametrize(
    "body",
    [
        {"query": "error = true"},
        {"query": "", "limit": 0},
        {"query": "", "percentile": "p42"},
        {"query": "", "oldest_us": 5, "youngest_us": 4},
        {"query": "", "nothing": 1},
        {"state": {"x": "y" * 70_000}},
    ],
)
def test_runs_that_make_no_sense(api: Api, body: dict[str, Any]) -> None:
    api.refusal("POST", SNAPSHOTS, 400, json=body)


def test_a_run_of_nobody_s_project(api: Api) -> None:
    api.refusal("POST", "/api/v1/projects/nobody/snapshots", 404, json={})


def test_two_beside_each_other(api: Api) -> None:
    one, other = (
        run(api, f'"istio.canonical_revision" IN ("{revision}")')["snapshot"]["id"]
        for revision in ("v1", "v3")
    )
    found = api.get(f"{SNAPSHOTS}/{one}/compare/{other}", by="istio.canonical_revision")
    assert found["added_connections"] == [{"from": bookinfo.REVIEWS, "to": bookinfo.RATINGS}]
    assert found["group_by"]["new"] == [["v3"]]
    assert api.get(f"{SNAPSHOTS}/{one}/compare/{one}")["added_services"] == []
    api.refusal("GET", f"{SNAPSHOTS}/{one}/compare/nothinghere", 404)


def test_streams(api: Api) -> None:
    streams = f"{PROJECT}/streams"
    stream = api.post(streams, json={"query": bookinfo.Q2.text, "backfill": True})
    assert api.get(streams, query=bookinfo.Q2_CANONICAL)["streams"] == [stream]
    assert api.get(streams, query="")["streams"] == []
    found = api.get(f"{streams}/{stream['id']}/series", columns=10)
    assert (found["stream"], len(found["points"])) == (stream, 10)
    api.refusal("GET", f"{streams}/nobody/series", 404)
    api.refusal("POST", streams, 400, json={"query": "error = true"})
    api.refusal("POST", streams, 400, json={})
    assert api.request("DELETE", f"{streams}/{stream['id']}").status_code == 204
    assert api.get(streams)["streams"] == []


# Latency


def test_layers_and_overlay(api: Api) -> None:
    hour_us = 3_600_000_000
    found = api.get(
        f"{PROJECT}/histogram",
        query=bookinfo.Q2.text,
        layers="1h,1d",
        overlay='"istio.canonical_revision" IN ("v3")',
        overlay_in="trace",
    )
    assert [(layer["name"], layer["reason"]) for layer in found["layers"]] == [
        ("1h", "no_data"),
        ("1d", "no_data"),
    ]
    assert found["overlay"]["count"] == 4
    own = api.get(f"{PROJECT}/histogram", query=bookinfo.Q2.text, overlay='"http.method" IN ("GET")')
    assert own["overlay"]["count"] == 12
    bounds = {
        "oldest_us": bookinfo.START_US + hour_us,
        "youngest_us": bookinfo.START_US + hour_us + 6_000_000,
    }
    past = api.get(f"{PROJECT}/histogram", query=bookinfo.Q2.text, layers="1h", **bounds)["layers"][0]
    assert past["histogram"]["count"] == 6
    assert past["reason"] is None
    api.refusal("GET", f"{PROJECT}/histogram", 400, params={"layers": "2h"})
    api.refusal("GET", f"{PROJECT}/histogram", 400, params={"overlay": "error = true"})


def test_latency_over_time(api: Api) -> None:
    found = api.get(f"{PROJECT}/heatmap", query=bookinfo.Q2.text, columns=12)
    assert (found["from_us"], found["count"]) == (bookinfo.START_US + 5_500, 12)
    assert [column["count"] for column in found["columns"]] == [1] * 12
    assert found["columns"][11]["cells"] == [{"index": 119, "count": 1, "errors": 0}]
    assert found["columns"][11]["percentiles"]["p99"] == 905_300
    box = {"oldest_us": bookinfo.START_US + 4_000_000, "youngest_us": bookinfo.START_US + 7_000_000}
    inside = api.get(f"{PROJECT}/heatmap", query=bookinfo.Q2.text, columns=3, min_latency_us=100_000, **box)
    assert [column["count"] for column in inside["columns"]] == [0, 1, 0]
    nothing = api.get(f"{PROJECT}/heatmap", query='service IN ("x")')
    assert nothing["count"] == 0
    api.refusal("GET", f"{PROJECT}/heatmap", 400, params={"columns": 0})
    turned = {"oldest_us": 5, "youngest_us": 4}
    api.refusal("GET", f"{PROJECT}/heatmap", 400, params=turned)
