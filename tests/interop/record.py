"""Writes request bodies of the real clients to tests/protocols/data: `python -m tests.interop.record`.

Each client's program sends a trace to a recorder that answers as a satellite does. Names of this machine's folders are
replaced by others of the same length; bodies that came compressed are kept as they inflate.
"""

from __future__ import annotations

import gzip
import http.server
import socket
import threading
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager, suppress
from typing import Any

import grpc
import httpx

from satellite import Satellite
from tests.interop.processes import ROOT
from tests.interop.tracers import CLIENTS, STREAMING

DATA = ROOT / "tests/protocols/data"
TOKEN = "developer"
REPORT = "/lightstep.collector.CollectorService/Report"
SEVERAL = 3


@contextmanager
def http_recorder(satellite: Satellite, bodies: list[bytes]) -> Iterator[str]:
    """`host:port` of a server that notes bodies and lets a satellite answer."""

    class Recorder(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            url = f"{satellite.http_url}{self.path}"
            answer = httpx.post(url, content=body, headers=dict(self.headers), trust_env=False)
            bodies.append(gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body)
            self.send_response(answer.status_code)
            self.send_header("Content-Type", answer.headers.get("content-type", ""))
            self.send_header("Content-Length", str(len(answer.content)))
            self.end_headers()
            self.wfile.write(answer.content)

        def log_message(self, *_: Any) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Recorder) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def grpc_recorder(satellite: Satellite, bodies: list[bytes]) -> Iterator[str]:
    """The same for gRPC."""
    with grpc.insecure_channel(satellite.grpc_plain_target) as channel:
        ask: Any = channel.unary_unary(REPORT)

        def report(body: bytes, _: Any) -> bytes:
            bodies.append(body)
            answer: bytes = ask(body)
            return answer

        server = grpc.server(futures.ThreadPoolExecutor(1))
        handler: Any = grpc.unary_unary_rpc_method_handler(report)
        service, _, method = REPORT.strip("/").partition("/")
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, {method: handler}),))
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(None)


def main() -> None:
    """Record every client of tracers.py."""
    with Satellite() as satellite:
        for client in CLIENTS:
            bodies: list[bytes] = []
            recorder = grpc_recorder if client.transport == "gRPC" else http_recorder
            with (
                recorder(satellite, bodies) as where,
                client.start(where, TOKEN, max_spans=SEVERAL) as program,
            ):
                program.do("checkout")
                program.do("flush")
                program.do("many", SEVERAL + 1, "tick")  # one of them is dropped
                program.do("flush")
            most = sorted(bodies, key=len)[-2:]
            for name, body in zip(("trace", "dropped"), reversed(most), strict=True):
                folder = DATA / client.protocol
                folder.mkdir(parents=True, exist_ok=True)
                folder.joinpath(f"real-{client.name}-{name}.bin").write_bytes(anonymous(body))
            print(client.name, [len(body) for body in most])


def anonymous(body: bytes) -> bytes:
    """The body without names of this machine."""
    for name, stand_in in ((str(ROOT), "/srv/books"), (socket.gethostname(), "shop")):
        replacement = (stand_in * len(name))[: len(name)]
        body = body.replace(name.encode(), replacement.encode())
    return body


def record_streams() -> None:
    """Record the streaming tracer: all bytes of the one connection of its eight that got spans."""
    streams: list[bytearray] = []

    def read(connection: socket.socket) -> None:
        with connection:
            streams.append(stream := bytearray())
            while not stream.endswith(b"\r\n0\r\n\r\n") and (piece := connection.recv(65_536)):
                stream += piece
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    def accept() -> None:
        with suppress(OSError), futures.ThreadPoolExecutor(64) as readers:
            while True:
                readers.submit(read, listener.accept()[0])

    with socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            with STREAMING.start(f"127.0.0.1:{listener.getsockname()[1]}", TOKEN) as program:
                program.do("checkout")
                program.do("close")
                program.end()
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
    most = max(streams, key=len)
    DATA.joinpath("lightstep/real-python-streaming.http").write_bytes(anonymous(bytes(most)))
    print(STREAMING.name, len(most))


if __name__ == "__main__":
    main()
    record_streams()
