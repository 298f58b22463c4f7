"""A satellite with receivers keeps every promise that one process keeps: the same tests for both shapes, and their deaths."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from satellite import Satellite
from satellite.edges.tls import CertificateStore
from satellite.pb import explorer_pb2
from satellite.pb import lightstep_collector_pb2 as pb
from satellite.ports import CannotListen
from tests.processes import Process

METHOD = "/lightstep.collector.CollectorService/Report"
PATIENCE_SECONDS = 60

pytestmark = pytest.mark.thorough


@pytest.fixture(
    scope="module", params=[pytest.param(0, id="one-process"), pytest.param(2, id="two-receivers")]
)
def satellite(request: pytest.FixtureRequest) -> Iterator[Satellite]:
    with Satellite(receivers=request.param, access_tokens={"t1": "one", "t2": "two"}) as started:
        yield started


def report(token: str, *ids: int) -> bytes:
    made = [
        pb.Span(
            span_context=pb.SpanContext(trace_id=number, span_id=number),
            operation_name="o",
            start_timestamp=Timestamp(seconds=1_700_000_000),
        )
        for number in ids
    ]
    return pb.ReportRequest(
        auth=pb.Auth(access_token=token), reporter=pb.Reporter(reporter_id=7), spans=made
    ).SerializeToString()


def send(target: str, body: bytes, *, ca_file: Path | None = None, wait_for_ready: bool = True) -> Any:
    """Over a connection of its own, so that any receiver may have it."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    if ca_file is None:
        channel = grpc.insecure_channel(target, options)
    else:
        channel = grpc.secure_channel(target, grpc.ssl_channel_credentials(ca_file.read_bytes()), options)
    with channel:
        call: Any = channel.unary_unary(METHOD, response_deserializer=pb.ReportResponse.FromString)
        return call(body, timeout=PATIENCE_SECONDS, wait_for_ready=wait_for_ready)


def eventually(found: Callable[[], Any]) -> Any:
    """What it finds once it finds something."""
    until = time.monotonic() + PATIENCE_SECONDS
    while not (got := found()):
        assert time.monotonic() < until
        time.sleep(0.02)
    return got


def metrics(satellite: Satellite) -> dict[str, float]:
    lines = httpx.get(f"{satellite.admin_url}/metrics").text.splitlines()
    return {
        name: float(value) for name, _, value in (line.rpartition(" ") for line in lines) if name[0] != "#"
    }


def ledger(satellite: Satellite, project: str) -> dict[str, Any]:
    found = httpx.get(f"{satellite.url}/api/v1/projects").json()["projects"]
    books: dict[str, Any] = next(one["ledger"] for one in found if one["project"] == project)
    return books


def test_what_is_acknowledged_is_visible_and_the_ledger_balances(satellite: Satellite) -> None:
    for number in range(1, 9):
        send(satellite.grpc_target, report("t1", number, number + 100), ca_file=satellite.ca_file)
        assert ledger(satellite, "one")["stored"] == 2 * number
    send(satellite.grpc_plain_target, report("t1", 1, 101))  # once more
    send(satellite.plain_target, report("t2", 1))
    books = ledger(satellite, "one")
    assert (books["received"], books["stored"], books["dropped"]) == (18, 16, {"duplicate": 2})
    assert ledger(satellite, "two")["stored"] == 1
    [reporter] = httpx.get(f"{satellite.url}/diagnostics", headers={"accept": "application/json"}).json()[
        "projects"
    ][0]["reporters"]
    assert (reporter["reports"], reporter["spans"]) == (9, 18)
    assert metrics(satellite)['satellite_reports_total{outcome="kept",protocol="lightstep"}'] == 10


def test_other_protocols_and_a_wait(satellite: Satellite) -> None:
    spans = [
        {"traceId": f"{i:016x}", "id": f"{i:016x}", "name": "z", "timestamp": 1, "duration": 1}
        for i in (1, 2)
    ]
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(satellite.client.project("two").expect, 'operation IN ("z")', count=2)
        for url in (satellite.http_url, satellite.https_url):
            verify = ssl.create_default_context(cafile=str(satellite.ca_file))
            answer = httpx.post(
                f"{url}/api/v2/spans",
                json=[spans.pop()],
                headers={"lightstep-access-token": "t2"},
                verify=verify,
            )
            assert answer.is_success
            newest = satellite.client.project("two").requests()[-1]
            assert (newest["path"], newest["outcome"], newest["stored"]) == ("/api/v2/spans", "stored", 1)
        assert len(waiting.result()) == 2


def test_what_is_refused_is_told_counted_and_shown_at_once(satellite: Satellite) -> None:
    def diagnostics() -> Any:
        return httpx.get(f"{satellite.url}/diagnostics", headers={"accept": "application/json"}).json()

    with pytest.raises(grpc.RpcError) as refused:
        send(satellite.grpc_plain_target, report("s3cret", 1))
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert diagnostics()["refusals"][0]["code"] == "access_denied"
    assert "s3cret" not in str(diagnostics())
    wrong_type = httpx.post(f"{satellite.http_url}/v1/traces", content=b"x", headers={"content-type": "a/b"})
    assert wrong_type.status_code == 400
    assert diagnostics()["refusals"][0]["code"] == "bad_report"
    httpx.get(f"{satellite.http_url}/nowhere")
    assert diagnostics()["traps"]["counts"]["wrong_content_type"] == 1
    assert metrics(satellite)["satellite_access_tokens_invalid_total"] == 1


def test_faults_are_exact_over_all_connections(satellite: Satellite) -> None:
    httpx.post(f"{satellite.url}/api/v1/projects/one/faults", json={"grpc_status": "UNAVAILABLE", "times": 2})
    codes = []
    for number in range(6):
        try:
            send(satellite.grpc_plain_target, report("t1", 1000 + number))
            codes.append("OK")
        except grpc.RpcError as error:
            codes.append(error.code().name)
    assert codes == ["UNAVAILABLE"] * 2 + ["OK"] * 4
    httpx.delete(f"{satellite.url}/api/v1/projects/one/faults")
    httpx.post(
        f"{satellite.url}/api/v1/faults",
        json={"connection": "refuse", "port": port_of(satellite), "times": 3},
    )
    refused = 0
    for _ in range(9):
        try:
            httpx.get(f"{satellite.http_url}/ca.pem")
        except httpx.HTTPError:
            refused += 1
    httpx.delete(f"{satellite.url}/api/v1/faults")
    assert refused == 3
    httpx.post(f"{satellite.url}/api/v1/projects/two/faults", json={"commands": ["disable"], "times": 1})
    told = [send(satellite.grpc_plain_target, report("t2", 50 + number)) for number in range(3)]
    assert [[command.disable for command in answer.commands] for answer in told] == [[True], [], []]


def port_of(satellite: Satellite) -> int:
    return int(satellite.http_url.rpartition(":")[2])


def test_health_and_explorer_answer_over_grpc(satellite: Satellite) -> None:
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        asked = channel.unary_unary(
            "/satellite.explorer.v1.Explorer/Projects",
            request_serializer=explorer_pb2.ProjectsRequest.SerializeToString,
            response_deserializer=explorer_pb2.ProjectList.FromString,
        )
        answer = asked(explorer_pb2.ProjectsRequest(), timeout=PATIENCE_SECONDS)
    assert {one.project for one in answer.projects} >= {"one"}


def test_certificates_that_change_are_served(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("satellite.upkeep._CERTIFICATES_SECONDS", 0.05)
    with Satellite(receivers=1, cert_dir=tmp_path) as satellite:
        host, _, port = satellite.grpc_target.rpartition(":")
        before = ssl.get_server_certificate((host, int(port)))
        CertificateStore(tmp_path, clock=lambda: datetime.now(UTC), names=["another.example"]).renew()
        eventually(lambda: ssl.get_server_certificate((host, int(port))) != before)


class Sender(threading.Thread):
    """Reports until told to stop; a report that was not acknowledged is sent again, elsewhere."""

    def __init__(self, target: str, first: int) -> None:
        super().__init__()
        self._target = target
        self._number = first
        self.stopped = threading.Event()
        self.acknowledged: list[int] = []

    def run(self) -> None:
        while not self.stopped.is_set():
            try:
                send(self._target, report("load", self._number), wait_for_ready=False)
            except grpc.RpcError:
                continue
            self.acknowledged.append(self._number)
            self._number += 1


def reached(senders: Sequence[Sender], count: int) -> bool:
    return sum(len(sender.acknowledged) for sender in senders) >= count


def replaced(satellite: Satellite, lost: int) -> bool:
    found = metrics(satellite)
    return (found["satellite_receivers_lost_total"], found["satellite_receivers"]) == (lost, 2)


def held(url: str) -> set[int]:
    """The ids of the load's spans."""
    found: set[int] = set()
    cursor: dict[str, str] = {}
    while True:
        page = httpx.get(f"{url}/api/v1/projects/load/spans", params={"limit": "1000"} | cursor).json()
        found.update(int(span["span_id"], 16) for span in page["spans"])
        if not page.get("next_cursor"):
            return found
        cursor = {"cursor": page["next_cursor"]}


def children(process: int) -> set[int]:
    return {int(pid) for pid in Path(f"/proc/{process}/task/{process}/children").read_text().split()}


def all_children() -> set[int]:
    """Of this process, whichever thread started them."""
    found = [task.read_text().split() for task in Path("/proc/self/task").glob("*/children")]
    return {int(pid) for pids in found for pid in pids}


def test_a_receiver_that_is_killed_costs_nothing_acknowledged() -> None:
    before = all_children()
    with Satellite(receivers=2) as satellite:
        senders = [Sender(satellite.grpc_plain_target, 1 + 1_000_000 * i) for i in range(3)]
        for sender in senders:
            sender.start()
        try:
            for lost in (1, 2):
                enough = 20 + sum(len(sender.acknowledged) for sender in senders)
                eventually(partial(reached, senders, enough))
                os.kill(min(all_children() - before), signal.SIGKILL)
                eventually(partial(replaced, satellite, lost))
        finally:
            for sender in senders:
                sender.stopped.set()
            for sender in senders:
                sender.join()
        acknowledged = {number for sender in senders for number in sender.acknowledged}
        books = ledger(satellite, "load")
        assert books["received"] == books["stored"] + sum(books["dropped"].values()) + books["evicted"]
        found = held(satellite.url)
        assert acknowledged <= found
        assert len(found - acknowledged) <= len(senders)  # the last of each, should nobody have heard of it
    assert all_children() <= before


def test_receivers_end_with_the_process_that_stores(tmp_path: Path) -> None:
    with Process(receivers=2, cert_dir=tmp_path) as process:
        started = children(process.process.pid)
        assert len(started) == 2
        process.kill()
        eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in started))


def test_sigterm_answers_what_is_in_hand(tmp_path: Path) -> None:
    with Process(
        receivers=1, cert_dir=tmp_path, data_dir=tmp_path / "data", listens=["grpc_plain_port"]
    ) as process:
        sender = Sender(process.listeners["grpc_plain_port"], 1)
        sender.start()
        eventually(lambda: len(sender.acknowledged) > 10)
        sender.stopped.set()
        assert process.stop() == 0
        sender.join()
    with Process(receivers=0, cert_dir=tmp_path, data_dir=tmp_path / "data") as process:
        assert held(process.url("explorer_port")) >= set(sender.acknowledged)


def test_a_port_that_is_taken_ends_the_start() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with (
            pytest.raises(CannotListen, match="http_plain_port"),
            Satellite(receivers=1, http_plain_port=taken.getsockname()[1]),
        ):
            pass
