"""An Envoy (the one named by ENVOY, else on the PATH) in front of an application; its spans are what is tested."""

import http.server
import os
import string
import subprocess
import threading
from pathlib import Path

import httpx
import pytest

from mock_lightstep_satellite import q

CONFIG = string.Template(Path(__file__).with_name("envoy.yaml").read_text("utf-8"))


class Application(http.server.BaseHTTPRequestHandler):
    """Answers 200, or what the path says: /503."""

    def do_GET(self):
        status = self.path.strip("/")
        self.send_response(int(status) if status.isdigit() else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


@pytest.fixture
def application():
    """The port of an application."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Application)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def edge(spans, application, tmp_path):
    """A client of an Envoy in front of the application, reporting to the project of this test."""
    socket, config = tmp_path / "edge", tmp_path / "envoy.yaml"
    filled = {
        "EDGE": str(socket),
        "APPLICATION_PORT": application,
        "SATELLITE_PORT": spans.grpc_plain_target.rpartition(":")[2],
    }
    config.write_text(CONFIG.substitute(spans.env() | filled), "utf-8")
    command = [os.environ.get("ENVOY", "envoy"), "--config-path", str(config), "--disable-hot-restart"]
    envoy = subprocess.Popen([*command, "--concurrency", "1"], stderr=subprocess.PIPE, text=True)
    said = []
    for line in envoy.stderr:
        said.append(line)
        if "starting main dispatch loop" in line:
            break
    else:
        pytest.fail("".join(said))
    reader = threading.Thread(target=envoy.stderr.read)  # lest it waits for somebody to read
    reader.start()
    with httpx.Client(base_url="http://edge", transport=httpx.HTTPTransport(uds=str(socket))) as client:
        yield client
    envoy.terminate()
    envoy.wait()
    reader.join()
    envoy.stderr.close()


def test_a_request_is_a_trace_of_two_spans(edge, spans):
    assert edge.get("/").status_code == 200
    spans.expect(q.service("edge"), count=2, timeout=30)
    [trace] = spans.traces()
    trace.assert_complete()
    [ingress, egress] = trace
    assert egress.parent is ingress
    assert ingress.tags["http.status_code"] == "200"


def test_what_the_application_fails_is_an_error(edge, spans):
    assert edge.get("/503").status_code == 503
    [failed, *_] = spans.expect(q.service("edge").tag("http.status_code", 503), timeout=30)
    assert failed.error
