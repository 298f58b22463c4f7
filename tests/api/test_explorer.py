"""The HTTP API: shapes, statuses, and that its OpenAPI document tells the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import closing
from functools import cache
from typing import Any

import httpx
import pytest

from satellite.errors import Overloaded
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.model.report import Receipt
from satellite.store.recall.engine import RecallStore
from tests import bookinfo
from tests.serving import api_of

PROJECT = "/api/v1/projects/p"


class Api:
    """The application without a server; each answer is checked against the OpenAPI document."""

    def __init__(self, store: RecallStore) -> None:
        self.store = store
        self.arrivals = Arrivals()
        self.app = api_of(store, self.arrivals, "1.2.3")

    def request(self, method: str, path: str, **more: Any) -> httpx.Response:
        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://satellite") as client:
                return await client.request(method, path, **more)

        return asyncio.run(send())

    def get(self, path: str, **params: Any) -> Any:
        """The answer to GET, which must be 200 and as described."""
        return self.checked("GET", path, params=params)

    def post(self, path: str, **more: Any) -> Any:
        return self.checked("POST", path, **more)

    def checked(self, method: str, path: str, **more: Any) -> Any:
        reply = self.request(method, path, **more)
        assert reply.status_code == 200, reply.text
        assert reply.headers["content-type"] == "application/json"
        check(document(), described(document(), method, path, "200"), reply.json())
        return reply.json()

    def refusal(self, method: str, path: str, status: int, **more: Any) -> dict[str, Any]:
        """The error that a request is answered with."""
        reply = self.request(method, path, **more)
        assert reply.status_code == status, reply.text
        assert reply.headers["content-type"] == "application/json"
        check(document(), {"$ref": "#/components/schemas/ErrorAnswer"}, reply.json())
        assert list(reply.json()) == ["error"]
        error: dict[str, Any] = reply.json()["error"]
        assert error["message"]
        return error


@cache
def document() -> dict[str, Any]:
    """How every application describes itself: long in the making, and the same whatever it holds."""
    with closing(RecallStore()) as store:
        return api_of(store, Arrivals(), "1.2.3").openapi()


def described(document: dict[str, Any], method: str, path: str, status: str) -> dict[str, Any]:
    """The schema that the document gives an answer."""
    given = path.strip("/").split("/")
    for template, operations in document["paths"].items():
        parts = template.strip("/").split("/")
        if len(parts) == len(given) and all(a == b or a[0] == "{" for a, b in zip(parts, given, strict=True)):
            schema: dict[str, Any] = operations[method.lower()]["responses"][status]["content"][
                "application/json"
            ]["schema"]
            return schema
    raise AssertionError(f"{path} is not described")


def check(document: dict[str, Any], schema: dict[str, Any], value: Any, at: str = "$") -> None:
    """Fail unless the value is as the schema says, without further fields where we name all of them."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        schema = document["components"]["schemas"][name]
        if name != "ErrorBody":  # whose further fields depend on the error
            assert not isinstance(value, dict) or set(value) <= set(schema["properties"]), (
                f"{at}: {sorted(value)}"
            )
    if "anyOf" in schema:
        kinds = [option for option in schema["anyOf"] if option.get("type") != "null"]
        if value is not None:
            check(document, kinds[0], value, at)
        else:
            assert len(kinds) < len(schema["anyOf"]), f"{at} is null"
        return
    types: dict[str, Any] = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
    }
    if "type" in schema:
        assert isinstance(value, types[schema["type"]]), f"{at} is {value!r}, not {schema['type']}"
        assert schema["type"] == "boolean" or not isinstance(value, bool), at
    if isinstance(value, dict):
        assert set(schema.get("required", ())) <= set(value), at
        for name, part in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            if isinstance(inner, dict):
                check(document, inner, part, f"{at}.{name}")
    if isinstance(value, list):
        tuples = schema.get("prefixItems")
        assert tuples is None or len(value) == len(tuples), at
        for i, part in enumerate(value):
            check(document, tuples[i] if tuples else schema.get("items", {}), part, f"{at}[{i}]")


@pytest.fixture
def api() -> Iterator[Api]:
    """Project p holds the Bookinfo spans."""
    store = RecallStore()
    store.write("p", bookinfo.batch(), arrived_ns=1_000_000_000, dropped={"zero_id": 2})
    yield Api(store)
    store.close()


PRODUCTPAGE = 'service IN ("productpage.default")'


# Answers


def test_projects(api: Api) -> None:
    [project] = api.get("/api/v1/projects")["projects"]
    assert project["bytes"] > 0
    assert sum(service["spans"] for service in project.pop("services")) == 88
    assert project | {"bytes": 0} == {
        "project": "p",
        "spans": 88,
        "bytes": 0,
        "recall_window_us": 0,
        "mark": 88,
        "ledger": {"received": 90, "stored": 88, "dropped": {"zero_id": 2}, "evicted": 0, "duplicates": 0},
        "disk_bytes": 0,
        "oldest_arrived_us": 1_000_000,
    }


def test_services(api: Api) -> None:
    services = api.get(f"{PROJECT}/services")["services"]
    shown = {name: services[2][name] for name in ("service", "spans", "errors", "operations", "p99_us")}
    assert shown == {
        "service": "productpage.default",
        "spans": 36,
        "errors": 0,
        "operations": 3,
        "p99_us": 911_800,
    }
    assert services[2]["series"] is None
    one = api.get(f"{PROJECT}/services/productpage.default", series=4)
    assert one["service"]["slot"] == services[2]["slot"]
    assert [point["count"] for point in one["service"]["series"]] == [9] * 4
    assert [row["direction"] for row in one["operations"]] == ["ingress", "egress", "egress"]
    api.refusal("GET", f"{PROJECT}/services/nobody", 404)
    api.refusal("GET", f"{PROJECT}/services", 400, params={"series": 1000})


def test_suggest(api: Api) -> None:
    found = api.get(f"{PROJECT}/suggest", kind="value", key="http.status_code", query='"error" IN ("true")')
    assert found == {"suggestions": [{"value": "500", "spans": 2, "errors": 2, "distinct": None}]}
    assert (
        api.get(f"{PROJECT}/suggest", kind="service", q="RAT")["suggestions"][0]["value"] == bookinfo.RATINGS
    )


@pytest.mark.parametrize("answer", bookinfo.ANSWERS, ids=lambda answer: answer.name)
def test_spans_of_the_worked_example(api: Api, answer: bookinfo.Answer) -> None:
    page = api.get(f"{PROJECT}/spans", query=answer.text, limit=1000)
    assert (page["total"], len(page["spans"]), page["next_cursor"]) == (answer.spans, answer.spans, None)
    assert page["mark"] == 88
    durations = [span["duration_us"] for span in page["spans"]]
    assert durations == sorted(durations, reverse=True)


def test_a_span(api: Api) -> None:
    [span] = api.get(f"{PROJECT}/spans", query=bookinfo.Q11.text)["spans"]
    reporter = span.pop("reporter")
    assert reporter["id"] == "000000000000e1a1"
    assert reporter["attributes"]["lightstep.tracer_platform_version"] == 201402
    assert span == {
        "trace_id": "00000000b00c0002",
        "span_id": "0000000b00c00025",
        "parent_span_id": "0000000b00c00022",
        "service": "productpage.default",
        "operation": "reviews.default.svc.cluster.local:9080/*",
        "kind": "client",
        "start_us": 1_700_000_002_005_500,
        "duration_us": 15_300,
        "error": False,
        "tags": {
            "component": "proxy",
            "span.kind": "client",
            "http.method": "GET",
            "http.status_code": "200",
        },
        "logs": [],
        "references": [{"kind": "child_of", "trace_id": "00000000b00c0002", "span_id": "0000000b00c00022"}],
        "protocol": "lightstep",
        "mark": span["mark"],
    }


def test_pages_stay_the_same_while_spans_arrive(api: Api) -> None:
    first = api.get(f"{PROJECT}/spans", order="arrival", limit=50)
    api.store.write("p", bookinfo.batch(range(1)), arrived_ns=500_000_000_000)
    second = api.get(f"{PROJECT}/spans", order="arrival", limit=50, cursor=first["next_cursor"])
    marks = [span["mark"] for span in first["spans"] + second["spans"]]
    assert marks == list(range(1, 89))
    assert second["next_cursor"] is None


def test_the_order_of_a_keys_values(api: Api) -> None:
    def codes(**how: Any) -> list[Any]:
        found: list[Any] = []
        while True:
            page = api.get(f"{PROJECT}/spans", by="http.status_code", limit=50, **how)
            found += [span["tags"].get("http.status_code") for span in page["spans"]]
            if page["next_cursor"] is None:
                return found
            how["cursor"] = page["next_cursor"]

    rising = codes(order="value")
    assert rising == ["200"] * 86 + ["500"] * 2
    assert codes(order="-value") == rising[::-1]
    first = api.get(f"{PROJECT}/spans", order="-value", by="service", limit=1)["spans"][0]
    assert first["service"] == bookinfo.REVIEWS


def test_bounds(api: Api) -> None:
    one_second = {"oldest_us": bookinfo.START_US, "youngest_us": bookinfo.START_US + 1_000_000}
    assert api.get(f"{PROJECT}/spans", **one_second)["total"] == 6
    assert api.get(f"{PROJECT}/spans", min_latency_us=800_000, max_latency_us=900_000)["total"] > 0
    assert api.get(f"{PROJECT}/spans", since=80)["total"] == 8
    assert api.get(f"{PROJECT}/histogram", query=bookinfo.Q2.text, min_latency_us=100_000)["count"] == 2


def test_trace(api: Api) -> None:
    found = api.get(f"{PROJECT}/traces/00000000b00c0002")
    assert found["trace_id"] == "00000000b00c0002"
    assert len(found["spans"]) == 8
    assert api.get(f"{PROJECT}/traces/000000000000000000000000B00C0002") == found


def test_a_trace_as_nobody_saw_it(api: Api) -> None:
    for what in ("", "/tree"):
        path = f"{PROJECT}/traces/00000000b00c0002{what}"
        assert api.refusal("GET", path, 404, params={"cursor": "0.0"})["code"] == "not_found"
        later = api.get(path, cursor=f"0.{10**80}")
        assert later == api.get(path)


def test_histogram(api: Api) -> None:
    found = api.get(f"{PROJECT}/histogram", query=bookinfo.Q2.text)
    assert {bucket["index"]: bucket["count"] for bucket in found["buckets"]} == bookinfo.Q2_BUCKETS
    assert found["percentiles"] == {"p50": 10300, "p95": 905300, "p99": 905300, "p99.9": 905300}
    assert (found["count"], found["errors"]) == (12, 0)


def test_groups(api: Api) -> None:
    found = api.get(f"{PROJECT}/groups", by="istio.canonical_revision")
    assert found["by"] == ["istio.canonical_revision"]
    rows = [(row["values"], row["count"], round(row["avg_latency_us"], 1)) for row in found["groups"]]
    assert rows == [([row.value], row.spans, row.mean_us) for row in bookinfo.ALL_BY_REVISION]


def test_mark_before_the_first_span_and_after(api: Api) -> None:
    assert api.post("/api/v1/projects/new/mark") == {"mark": 0}
    assert api.post(f"{PROJECT}/mark") == {"mark": 88}


def test_expect(api: Api) -> None:
    wanted = {"query": bookinfo.Q3.text, "count": {"min": 2, "max": 2}}
    met = api.post(f"{PROJECT}/expect", json=wanted)
    assert (len(met["spans"]), met["total"], met["mark"]) == (2, 2, 88)


def test_expect_takes_the_body_of_plain_curl(api: Api) -> None:
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert api.post(f"{PROJECT}/expect", content=b'{"query": ""}', headers=form)["total"] == 88
    assert api.post(f"{PROJECT}/expect")["total"] == 88


def test_expect_in_vain(api: Api) -> None:
    wanted = {"query": 'service IN ("rating.default")', "timeout_ms": 0}
    error = api.refusal("POST", f"{PROJECT}/expect", 408, json=wanted)
    assert error["code"] == "not_met"
    assert error["explanation"]["nearest"][0] == {
        "value": "ratings.default",
        "spans": 8,
        "errors": 1,
        "distinct": None,
    }
    wanted = {"query": bookinfo.Q3.text, "count": {"min": 1, "max": 1}}
    error = api.refusal("POST", f"{PROJECT}/expect", 409, json=wanted)
    assert (error["code"], error["count"]) == ("exceeded", 2)
    error = api.refusal("POST", f"{PROJECT}/expect", 409, json={**wanted, "explain": False})
    assert (error["count"], error["explanation"]) == (2, None)


def test_a_parameter_that_is_given_twice_is_refused(api: Api) -> None:
    twice = [("query", "service:a"), ("limit", "3"), ("query", "operation:b")]
    error = api.refusal("GET", f"{PROJECT}/spans", 400, params=twice)
    assert (error["message"], error["parameter"]) == ("query is given more than once", "query")


def test_an_unknown_parameter_is_told_those_that_there_are(api: Api) -> None:
    error = api.refusal("GET", f"{PROJECT}/traces", 400, params={"oder": "start"})
    assert (error["message"], error["parameter"]) == ("there is no parameter oder", "oder")
    assert error["hint"].startswith("those there are: snapshot, query, oldest_us, ")
    assert error["hint"].endswith("order, limit, offset")


def test_faults_are_put_in_the_place_of_others(api: Api) -> None:
    for scope in (PROJECT, "/api/v1"):
        path = f"{scope}/faults"
        api.post(path, json={"profile": "overloaded"})
        wanted = [{"status": 503, "times": 2}, {"delay_ms": 5.0}]
        put = api.checked("PUT", path, json={"faults": wanted})["faults"]
        assert [one["fault"] for one in put] == wanted
        assert api.get(path)["faults"] == put
        one = f"{path}/{put[0]['id']}"
        assert api.checked("PUT", one, json={"status": 500}) == api.get(one)
        error = api.refusal("PUT", path, 400, json={"faults": [{"status": 700}]})
        assert error["hint"] == "status: a whole number from 400 to 599"
        api.refusal("PUT", f"{path}/none", 404, json={"status": 500})
        assert len(api.checked("PUT", path, json={"status": 400})["faults"]) == 1
        assert api.checked("PUT", path, json={"faults": []})["faults"] == []


def test_reset_keeps_the_project_and_its_marks(api: Api) -> None:
    assert api.post(f"{PROJECT}/reset") == {"removed": 88}
    page = api.get(f"{PROJECT}/spans")
    assert page.pop("explanation")["held"] == 0
    assert page == {"spans": [], "total": 0, "next_cursor": None, "mark": 88}


def test_reset_of_all_projects_is_asked_for_by_name(api: Api) -> None:
    api.store.write("q", bookinfo.batch(range(3)), arrived_ns=1)
    assert api.refusal("POST", "/api/v1/reset", 400)["parameter"] == "all"
    held = sum(one["spans"] for one in api.get("/api/v1/projects")["projects"])
    assert api.post("/api/v1/reset", params={"all": True}) == {"removed": held}
    assert [one["spans"] for one in api.get("/api/v1/projects")["projects"]] == [0, 0]


def test_a_project_and_a_fresh_one(api: Api) -> None:
    assert api.get(PROJECT) == api.get("/api/v1/projects")["projects"][0]
    made = [api.post("/api/v1/projects", json={"name": "test_shop"}) for _ in range(2)]
    assert made[0]["token"] != made[1]["token"]
    assert made[0]["token"].startswith("test_shop-")
    assert (made[0]["project"], made[0]["mark"]) == (made[0]["token"], 0)
    assert api.get(f"/api/v1/projects/{made[0]['project']}")["spans"] == 0
    assert api.post("/api/v1/projects")["token"].startswith("project-")
    for name in ("", "a/b", "x" * 49):
        error = api.refusal("POST", "/api/v1/projects", 400, json={"name": name})
        assert (error["parameter"], error["hint"]) == ("name", "1 to 48 letters, digits, '.', '_', '-'")


def test_drop_forgets_the_project(api: Api) -> None:
    reply = api.request("DELETE", PROJECT)
    assert (reply.status_code, reply.content) == (204, b"")
    assert api.get("/api/v1/projects") == {"projects": []}
    api.refusal("DELETE", PROJECT, 404)


def test_a_project_whose_spans_were_all_dropped_is_known(api: Api) -> None:
    api.store.write("q", bookinfo.batch(range(0)), arrived_ns=1, dropped={"zero_id": 1})
    assert api.get("/api/v1/projects/q/spans")["total"] == 0


# Errors


@pytest.mark.parametrize(
    "what", ["services", "suggest?kind=key", "spans", "histogram", "groups", "traces/" + "0" * 16]
)
def test_an_unknown_project(api: Api, what: str) -> None:
    error = api.refusal("GET", f"/api/v1/projects/nobody/{what}", 404)
    assert error["code"] == "not_found"
    assert "nobody" in error["message"]
    assert error["hint"]


@pytest.mark.parametrize("query", bookinfo.INVALID)
def test_a_bad_query_says_where(api: Api, query: str) -> None:
    error = api.refusal("GET", f"{PROJECT}/spans", 400, params={"query": query})
    assert error["code"] == "bad_query"
    assert error["line"] == 1
    lines = error["message"].split("\n")
    assert f"column {error['column']}" in lines[0]
    assert lines[1:] == [query, " " * (error["column"] - 1) + "^"]


@pytest.mark.parametrize(
    ("what", "parameter"),
    [
        ("spans?limit=0", "limit"),
        ("spans?limit=1001", "limit"),
        ("spans?limit=many", "limit"),
        ("spans?order=random", "order"),
        ("spans?order=value", "by"),
        ("spans?by=k", "order"),
        ("spans?order=-value&by=", "by"),
        ("spans?since=-1", "since"),
        ("spans?oldest_us=yesterday", "oldest_us"),
        (f"spans?oldest_us={2**63}", "oldest_us"),
        ("spans?oldest_us=2&youngest_us=1", "youngest_us"),
        ("spans?querry=", "querry"),
        ("suggest", "kind"),
        ("suggest?kind=colour", "kind"),
        ("traces/00000000b00c0002/tree?span=b00c0021&row=1", "row"),
        ("traces/00000000b00c0002/tree?span=b00c0021&below=b00c0021", "below"),
    ],
)
def test_a_parameter_that_makes_no_sense(api: Api, what: str, parameter: str) -> None:
    error = api.refusal("GET", f"{PROJECT}/{what}", 400)
    assert (error["code"], error["parameter"]) == ("bad_request", parameter)
    assert parameter in error["message"]


@pytest.mark.parametrize("what", ["spans?cursor=made-up", "suggest?kind=value", "groups?by=", "traces/%20"])
def test_other_bad_requests(api: Api, what: str) -> None:
    assert api.refusal("GET", f"{PROJECT}/{what}", 400)["code"] == "bad_request"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"\xff",
        b"[]",
        b'"\\ud800"',
        b'{"querry": ""}',
        b'{"since": -1}',
        b'{"count": 1}',
        b'{"count": {"min": 2, "max": 1}}',
        b'{"timeout_ms": 60001}',
        b'{"timeout_ms": 1e300}',
        b'{"since": 99999999999999999999}',
    ],
)
def test_a_body_that_is_no_expectation(api: Api, body: bytes) -> None:
    assert api.refusal("POST", f"{PROJECT}/expect", 400, content=body)["code"] == "bad_request"


def test_a_body_that_is_too_large(api: Api) -> None:
    assert api.refusal("POST", f"{PROJECT}/expect", 413, content=b" " * (2 << 20))["code"] == "too_large"


def test_an_unknown_trace(api: Api) -> None:
    assert "00000000deadbeef" in api.refusal("GET", f"{PROJECT}/traces/00000000deadbeef", 404)["message"]


def test_an_unknown_endpoint_and_a_wrong_method(api: Api) -> None:
    assert api.refusal("GET", "/api/v1/nothing", 404)["code"] == "not_found"
    assert api.refusal("PUT", "/api/v1/projects", 405)["code"] == "method_not_allowed"
    assert api.request("PUT", "/api/v1/projects").headers["allow"] == "GET"


def test_a_failure_keeps_its_details_to_itself(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(api.store, "projects", broken)
    assert "secret" not in str(api.refusal("GET", "/api/v1/projects", 500))


# The OpenAPI document


def test_the_document_describes_every_endpoint_and_its_errors(api: Api) -> None:
    document = api.request("GET", "/api/v1/openapi.json").json()
    assert document["info"] == {"title": "Mock LightStep Satellite", "version": "1.2.3"}
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    }
    one = "/api/v1/projects/{project}"
    some = {"GET /api/v1/projects", f"GET {one}/spans", f"POST {one}/snapshots", f"DELETE {one}"}
    assert some <= set(operations)
    for operation in operations.values():
        assert operation["description"]
        assert "422" not in operation["responses"]
        assert operation["responses"]["default"]["content"]["application/json"]["schema"]
    spans = {parameter["name"] for parameter in operations[f"GET {one}/spans"]["parameters"]}
    bounds = {"query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "since"}
    bounds |= {"snapshot", "percentile", "filter", "whole"}
    assert spans == bounds | {"project", "order", "limit", "cursor", "by"}


def test_every_reference_in_the_document_leads_somewhere(api: Api) -> None:
    document = api.app.openapi()

    def references(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for inner in part.values():
                yield from references(inner)
        elif isinstance(part, list):
            for inner in part:
                yield from references(inner)

    names = {reference.removeprefix("#/components/schemas/") for reference in references(document)}
    assert names <= set(document["components"]["schemas"])
    assert not [name for name in names if "." in name], "two structs of one name"
    assert {"Span", "Page", "Expectation", "Met", "ErrorAnswer"} <= names


def test_no_page_that_loads_scripts_from_elsewhere(api: Api) -> None:
    for path in ("/docs", "/redoc"):
        api.refusal("GET", path, 404)


@pytest.mark.parametrize("what", ["spans", "services", "histogram", "groups", "suggest"])
def test_notes_stand_beside_the_answer(api: Api, what: str) -> None:
    more = {"kind": "service"} if what == "suggest" else {}
    answer = api.get(f"{PROJECT}/{what}", query="service IN ('shop')", **more)
    assert 'write service IN ("shop")' in answer["notes"][0]
    assert "notes" not in api.get(f"{PROJECT}/{what}", query='service IN ("shop")', **more)


def test_notes_of_a_wait(api: Api) -> None:
    body = {"query": "service NOT IN ('shop')"}
    assert 'write service NOT IN ("shop")' in api.post(f"{PROJECT}/expect", json=body)["notes"][0]
    body["query"] = "service IN ('shop')"
    error = api.refusal("POST", f"{PROJECT}/expect", 408, json={**body, "timeout_ms": 1})
    assert "note: texts stand in double quotes" in error["explanation"]["lines"][-1]


def test_a_query_by_itself(api: Api) -> None:
    found = api.get("/api/v1/query", query=bookinfo.Q2_CHIPS)
    assert [(one["key"], one["values"]) for one in found["terms"]] == [
        ("service", [bookinfo.PRODUCTPAGE]),
        ("operation", [bookinfo.REVIEWS_CALL]),
    ]
    assert (found["predicate"], found["chips"]) == (bookinfo.Q2_CANONICAL, bookinfo.Q2_CHIPS)
    assert api.get("/api/v1/query") == {"terms": [], "predicate": "", "chips": ""}
    [term] = api.get("/api/v1/query", query='"service" NOT MATCHES REGEXP ("a.*")')["terms"]
    assert term == {"key": "service", "built_in": False, "negated": True, "regexp": True, "values": ["a.*"]}


def test_the_query_bar_may_be_lenient(api: Api) -> None:
    bare = 'http.status_code IN ("500") AND http.status_code IN ("503")'
    refusal = api.refusal("GET", "/api/v1/query", 400, params={"query": bare})
    assert (refusal["code"], refusal["line"], refusal["column"]) == ("bad_query", 1, 1)
    [term] = api.get("/api/v1/query", query=bare, lenient=True)["terms"]
    assert term["values"] == ["500", "503"]


def test_demo_traffic_is_kept_at_once(api: Api) -> None:
    from satellite.mesh.bookinfo import an_hour

    sent = list(an_hour(bookinfo.START_US * 1000))
    app = api_of(api.store, api.arrivals, demo_traffic=lambda: sent[:3])
    api.app = app
    spans = api.post("/api/v1/projects/tried/demo")["spans"]
    assert spans == api.get("/api/v1/projects/tried/histogram")["count"] > 0
    assert api.refusal("POST", "/api/v1/projects/a%20b/demo", 400)["parameter"] == "project"


def test_demo_traffic_for_which_there_is_no_room_is_sent_again(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    from satellite.mesh.bookinfo import an_hour

    sent = list(an_hour(bookinfo.START_US * 1000))
    submit = Intake.submit
    refused: list[Receipt] = []

    async def full_at_first(intake: Intake, *report: Any, **more: Any) -> Receipt:
        if refused:
            return await submit(intake, *report, **more)
        refused.append(Receipt(1, 2, Overloaded("too many reports are waiting")))
        return refused[0]

    monkeypatch.setattr(Intake, "submit", full_at_first)
    monkeypatch.setattr("satellite.api.demo.PAUSES_S", (0.0,))
    api.app = api_of(api.store, api.arrivals, demo_traffic=lambda: sent[:3])
    spans = api.post("/api/v1/projects/tried/demo")["spans"]
    assert spans == api.get("/api/v1/projects/tried/histogram")["count"] > 0
