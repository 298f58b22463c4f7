import io
import json
import logging
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from satellite.errors import AccessDenied, BadReport
from satellite.telemetry.logs import LogFormat, get_logger, logs_to
from satellite.telemetry.metrics import OTHER, Metrics
from satellite.telemetry.witness import QUIET_SECONDS, Witness


def lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


def fail(token: str) -> None:
    raise RuntimeError("it failed")


def stats(project: str, **figures: Any) -> Any:
    ledger = {"received": 0, "stored": 0, "dropped": {}, "evicted": 0}
    ledger |= {name: figures.pop(name) for name in list(figures) if name in ledger}
    return SimpleNamespace(
        project=project, bytes=0, recall_window_us=0, ledger=SimpleNamespace(**ledger), **figures
    )


def test_lines_are_json_where_no_terminal_is() -> None:
    stream = io.StringIO()
    with logs_to(stream):
        get_logger("satellite.intake").info("report.accepted", project="shop", spans=3)
        get_logger("satellite.intake").debug("report.decoded")
    (line,) = lines(stream)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "report.accepted",
        "level": "info",
        "logger": "satellite.intake",
        "project": "shop",
        "spans": 3,
    }


def test_text_is_for_people() -> None:
    stream = io.StringIO()
    with logs_to(stream, format="text", level="debug"):
        get_logger().debug("report.accepted", project="shop")
    assert "report.accepted" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize("odd", ["two\nlines", "\x1b[2J", "\u202egnihsif", "\x9b31m"])
def test_what_a_stranger_sends_begins_no_line_and_moves_no_cursor(odd: str) -> None:
    stream = io.StringIO()
    with logs_to(stream, format="text"):
        get_logger().warning("request.refused", path=f"/{odd}", parts=[odd])
        logging.getLogger("uvicorn.error").warning("of another: %s", odd)
    written = stream.getvalue()
    assert written.count("\n") == 2
    assert all(character.isprintable() for character in written.replace("\n", ""))
    assert "/" in written


def test_tokens_are_hidden_and_counts_are_not() -> None:
    stream = io.StringIO()
    secret = "s3cret"
    with logs_to(stream):
        get_logger().warning(
            "report.refused",
            token=secret,
            access_token=[secret],
            headers={"Lightstep-Access-Token": secret, "authorization": secret, "accept": "*/*"},
            parts=[{"private_key": secret}],
            access_tokens=5,
            token_mode="listed",
        )
    assert secret not in stream.getvalue()
    (line,) = lines(stream)
    assert (line["access_tokens"], line["token_mode"], line["headers"]["accept"]) == (5, "listed", "*/*")


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_traceback_shows_no_local_variables(form: LogFormat) -> None:
    stream = io.StringIO()
    secret = "s3cret"
    with logs_to(stream, format=form):
        try:
            fail(secret)
        except RuntimeError as error:
            get_logger().error("satellite.failed", exc_info=error)
    assert "RuntimeError: it failed" in stream.getvalue()
    assert "s3cret" not in stream.getvalue()


def test_libraries_lines_join_in_and_all_is_as_before_afterwards() -> None:
    root = logging.getLogger()
    before = root.handlers[:], root.level, logging.getLogger("satellite").level
    stream = io.StringIO()
    with logs_to(stream):
        logging.getLogger("uvicorn.error").warning("%s refused", "peer")
        logging.getLogger("uvicorn.error").info("chatter")
    assert [(line["event"], line["logger"]) for line in lines(stream)] == [("peer refused", "uvicorn.error")]
    assert (root.handlers[:], root.level, logging.getLogger("satellite").level) == before


def test_an_embedded_satellite_leaves_logging_to_its_host(caplog: pytest.LogCaptureFixture) -> None:
    get_logger("satellite.app").warning("report.refused", reason="bad_report")
    (record,) = caplog.records
    assert (record.name, record.levelname) == ("satellite.app", "WARNING")
    assert "report.refused" in caplog.text


def test_reports_are_counted_by_protocol_and_outcome() -> None:
    metrics = Metrics()
    metrics.count_kept("lightstep", 1, 100)
    metrics.count_refused("lightstep", 50, "bad_report")
    metrics.count_refused("otlp", 7, AccessDenied.code)
    metrics.count_spans("shop", "lightstep", 9, 4)
    metrics.count_spans("shop", "lightstep", 1, -1)
    metrics.count_failed_connection("tls_client_on_plain_port", 8181)
    assert value(metrics, "satellite_reports_total", protocol="lightstep", outcome="kept") == 1
    assert value(metrics, "satellite_reports_total", protocol="lightstep", outcome="refused") == 1
    assert value(metrics, "satellite_report_refusals_total", protocol="lightstep", reason="bad_report") == 1
    assert value(metrics, "satellite_report_bytes_total", protocol="lightstep") == 150
    assert value(metrics, "satellite_report_spans_total", protocol="lightstep") == 10
    assert value(metrics, "satellite_client_spans_dropped_total", project="shop") == 4
    assert value(metrics, "satellite_access_tokens_invalid_total") == 1
    assert (
        value(metrics, "satellite_connections_failed_total", kind="tls_client_on_plain_port", port="8181")
        == 1
    )


@pytest.mark.parametrize("accept", ["", "application/openmetrics-text; version=1.0.0"])
def test_no_series_says_when_a_counter_began(accept: str) -> None:
    metrics = Metrics()
    metrics.count_kept("lightstep", 1, 100)
    body, _ = metrics.exposition(accept)
    assert b"satellite_reports_total" in body
    assert b"_created" not in body


def test_the_ledger_is_read_at_each_scrape() -> None:
    metrics = Metrics()
    projects: list[Any] = []
    metrics.watch_projects(lambda: projects)
    projects.append(stats("shop", received=10, stored=6, dropped={"duplicate": 1}, evicted=3))
    projects[0].bytes, projects[0].recall_window_us = 2048, 1_500_000
    assert value(metrics, "satellite_spans_received_total", project="shop") == 10
    assert value(metrics, "satellite_spans_stored", project="shop") == 6
    assert value(metrics, "satellite_spans_dropped_total", project="shop", reason="duplicate") == 1
    assert value(metrics, "satellite_spans_evicted_total", project="shop") == 3
    assert value(metrics, "satellite_stored_bytes", project="shop") == 2048
    assert value(metrics, "satellite_recall_window_seconds", project="shop") == 1.5


def test_projects_beyond_the_bound_share_a_label() -> None:
    metrics = Metrics(projects_max=2)
    projects = [stats(name, received=n + 1, dropped={"no_time": n}) for n, name in enumerate("abcd")]
    metrics.watch_projects(lambda: projects)
    assert value(metrics, "satellite_spans_received_total", project="a") == 1
    assert value(metrics, "satellite_spans_received_total", project="c") is None
    assert value(metrics, "satellite_spans_received_total", project=OTHER) == 3 + 4
    assert value(metrics, "satellite_spans_dropped_total", project=OTHER, reason="no_time") == 2 + 3
    projects.reverse()
    assert value(metrics, "satellite_spans_received_total", project="a") == 1


def test_what_is_remembered_of_recent_spans_is_asked_for() -> None:
    metrics, remembered = Metrics(), [7]
    metrics.watch_remembered(lambda: remembered[0], max_bytes=100)
    remembered[0] = 42
    assert value(metrics, "satellite_remembered_bytes") == 42
    assert value(metrics, "satellite_remembered_bytes_max") == 100


def test_waiting_bytes_are_asked_for() -> None:
    metrics = Metrics()
    waiting = [0]
    metrics.watch_waiting(lambda: waiting[0], max_bytes=100)
    waiting[0] = 42
    assert value(metrics, "satellite_waiting_bytes") == 42
    assert value(metrics, "satellite_waiting_bytes_max") == 100


def test_two_satellites_count_apart() -> None:
    one, other = Metrics(), Metrics()
    one.count_kept("lightstep", 1, 1)
    assert value(other, "satellite_reports_total", protocol="lightstep", outcome="kept") is None


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [("", "text/plain"), ("application/openmetrics-text", "application/openmetrics-text")],
)
def test_the_exposition_has_the_format_that_was_asked_for(accept: str, content_type: str) -> None:
    body, answered = Metrics().exposition(accept)
    assert answered.startswith(content_type)
    assert b"satellite_build_info{" in body


class TestWitness:
    @pytest.fixture
    def stream(self) -> Iterator[io.StringIO]:
        stream = io.StringIO()
        with logs_to(stream):
            yield stream

    def test_a_refusal_is_counted_and_told_once_in_a_while(self, stream: io.StringIO) -> None:
        metrics = Metrics()
        now = [100.0]
        witness = Witness(metrics, get_logger(), clock_seconds=lambda: now[0])
        for _ in range(3):
            witness.report_refused("lightstep", 5, AccessDenied("unknown access token"), "10.0.0.1:5")
        witness.report_refused("lightstep", 5, BadReport("truncated"), "10.0.0.1:5")
        witness.reports_kept("lightstep", 1, 5)
        now[0] += QUIET_SECONDS
        witness.report_refused("lightstep", 5, AccessDenied("unknown access token"), "10.0.0.2:5")
        told = [
            (line["level"], line["event"], line["reason"], line.get("unlogged")) for line in lines(stream)
        ]
        assert told == [
            ("warning", "report.refused", "access_denied", None),
            ("warning", "report.refused", "bad_report", None),
            ("warning", "report.refused", "access_denied", 2),
        ]
        assert value(metrics, "satellite_access_tokens_invalid_total") == 4

    def test_connections_and_failures_are_told(self, stream: io.StringIO) -> None:
        metrics = Metrics()
        witness = Witness(metrics, get_logger(), clock_seconds=lambda: 0.0)
        witness.connection_failed("not_http", 8181, "10.0.0.1:5", "no request line")
        witness.spans_written("shop", "lightstep", 3, 0)
        witness.failed("write", RuntimeError("disk"))
        connection, failure = lines(stream)
        assert (connection["event"], connection["port"]) == ("connection.failed", 8181)
        assert (failure["event"], failure["what"], failure["level"]) == ("satellite.failed", "write", "error")
        assert "RuntimeError: disk" in failure["exception"]
        assert value(metrics, "satellite_failures_total", what="write") == 1
        assert value(metrics, "satellite_report_spans_total", protocol="lightstep") == 3
