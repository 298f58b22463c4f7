"""The gRPC edge with a fake intake: what reaches it, and what its answers become on the wire."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import ProtoReflectionDescriptorDatabase

from satellite.edges.grpc import GrpcServer
from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Decoded, Receipt
from satellite.pb import lightstep_collector_pb2
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

METHOD = "/lightstep.collector.CollectorService/Report"
STREAM = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LIMIT = 100_000


def _decode(_bodies: object, _arrived_ns: int) -> Decoded:
    raise NotImplementedError


def _encode(receipt: Receipt, _head: RequestHead) -> Reply:
    return Reply(200, "", b"stored %d" % receipt.stored)


def _details(refusal: SatelliteError) -> bytes | None:
    return b"details of " + refusal.code.encode() if refusal.code == "overloaded" else None


PROTOCOL = WireProtocol("lightstep", (), (METHOD,), ("application/octet-stream",), _decode, _encode)
STREAMING = WireProtocol(
    "otlp", (), (STREAM,), (), _decode, _encode, grpc_streams=True, grpc_details=_details
)


@dataclass
class FakeIntake:
    """Remembers what came, answers as told."""

    refusal: SatelliteError | None = None
    came: list[tuple[bytes, str, str]] = field(default_factory=list)
    entered: asyncio.Event = field(default_factory=asyncio.Event)
    gate: asyncio.Event | None = None

    async def submit(
        self, protocol: WireProtocol, body: bytes, *, header_token: str = "", peer: str = ""
    ) -> Receipt:
        assert protocol in (PROTOCOL, STREAMING)
        self.came.append((body, header_token, peer))
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        return Receipt(1, 2, refusal=self.refusal, stored=7)


@asynccontextmanager
async def serving(
    intake: FakeIntake,
    *,
    ready: Callable[[], bool] = lambda: True,
    credentials: grpc.ServerCredentials | None = None,
    relayed: dict[str, str] | None = None,
) -> AsyncIterator[tuple[GrpcServer, int]]:
    server = GrpcServer(
        intake, protocols=[PROTOCOL, STREAMING], message_bytes_max=LIMIT, ready=ready, relayed=relayed
    )
    port = server.listen("127.0.0.1", 0, credentials)
    await server.start()
    try:
        yield server, port
    finally:
        await server.stop(0)


async def call(port: int, body: bytes, **options: Any) -> bytes:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        return await over(channel, body, **options)


async def over(channel: grpc.aio.Channel, body: bytes, method: str = METHOD, **options: Any) -> bytes:
    answer: bytes = await channel.unary_unary(method)(body, timeout=10, **options)  # type: ignore[arg-type]
    return answer


def test_bytes_in_bytes_out() -> None:
    async def run() -> None:
        intake = FakeIntake()
        async with serving(intake) as (_, port):
            token = (("lightstep-access-token", "from-metadata"),)
            assert await call(port, b"\xff\x00 no protobuf", metadata=token) == b"stored 7"
            assert await call(port, b"") == b"stored 7"
            assert await call(port, b"a" * 5000, compression=grpc.Compression.Gzip) == b"stored 7"
        assert [body for body, _, _ in intake.came] == [b"\xff\x00 no protobuf", b"", b"a" * 5000]
        assert [token for _, token, _ in intake.came] == ["from-metadata", "", ""]
        assert intake.came[0][2].startswith("127.0.0.1:")

    asyncio.run(run())


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (BadReport("no report: it ends early"), grpc.StatusCode.INVALID_ARGUMENT),
        (AccessDenied("unknown access token"), grpc.StatusCode.INVALID_ARGUMENT),
        (TooLarge("too many spans"), grpc.StatusCode.RESOURCE_EXHAUSTED),
        (Overloaded("try again later"), grpc.StatusCode.UNAVAILABLE),
        (StoreFailed("the engine failed"), grpc.StatusCode.UNAVAILABLE),
        (SatelliteError("never thought of"), grpc.StatusCode.INTERNAL),
    ],
)
def test_a_refusal_is_a_status(refusal: SatelliteError, code: grpc.StatusCode) -> None:
    async def run() -> None:
        async with serving(FakeIntake(refusal)) as (_, port):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(port, b"x")
            assert caught.value.code() is code
            assert caught.value.details() == refusal.message

    asyncio.run(run())


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_never_reaches_the_intake(compression: grpc.Compression) -> None:
    async def run() -> None:
        intake = FakeIntake()
        async with serving(intake) as (_, port):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(port, bytes(50 * LIMIT), compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await call(port, bytes(LIMIT), compression=compression) == b"stored 7"
        assert [len(body) for body, _, _ in intake.came] == [LIMIT]

    asyncio.run(run())


def test_tls_as_envoy_does_it() -> None:
    """The authority is the cluster's name, which no certificate holds; only the chain is checked."""
    ca = trustme.CA()
    certificate = ca.issue_cert("lightstep-satellite.lightstep", "127.0.0.1")
    credentials = grpc.ssl_server_credentials(
        [
            (
                certificate.private_key_pem.bytes(),
                b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
            )
        ]
    )

    async def run() -> None:
        async with serving(FakeIntake(), credentials=credentials) as (_, port):
            trusted = grpc.ssl_channel_credentials(ca.cert_pem.bytes())
            options = [
                ("grpc.default_authority", "lightstep"),
                ("grpc.ssl_target_name_override", "lightstep-satellite.lightstep"),
            ]
            for extra in ([], options):
                async with grpc.aio.secure_channel(f"127.0.0.1:{port}", trusted, options=extra) as channel:
                    assert await over(channel, b"x") == b"stored 7"

    asyncio.run(run())


def test_the_wrong_client_does_not_harm_the_server() -> None:
    ca = trustme.CA()
    certificate = ca.issue_cert("127.0.0.1")
    credentials = grpc.ssl_server_credentials(
        [
            (
                certificate.private_key_pem.bytes(),
                b"".join(blob.bytes() for blob in certificate.cert_chain_pems),
            )
        ]
    )

    async def run() -> None:
        intake = FakeIntake()
        server = GrpcServer(intake, protocols=[PROTOCOL], message_bytes_max=LIMIT, ready=lambda: True)
        plain, secure = server.listen("127.0.0.1", 0), server.listen("127.0.0.1", 0, credentials)
        await server.start()
        with pytest.raises((ssl.SSLError, OSError)):  # TLS on the plain port
            await asyncio.open_connection("127.0.0.1", plain, ssl=ssl.create_default_context())
        reader, writer = await asyncio.open_connection("127.0.0.1", secure)  # plain on the TLS port
        writer.write(b"POST / HTTP/1.1\r\n\r\n")
        with pytest.raises((ssl.SSLError, OSError)):  # a client without the CA
            await asyncio.open_connection("127.0.0.1", secure, ssl=ssl.create_default_context())
        await reader.read()
        writer.close()
        assert await call(plain, b"x") == b"stored 7"
        async with grpc.aio.secure_channel(
            f"127.0.0.1:{secure}", grpc.ssl_channel_credentials(ca.cert_pem.bytes())
        ) as channel:
            assert await over(channel, b"x") == b"stored 7"
        await server.stop(0)

    asyncio.run(run())


class TestOneCallWithManyMessages:
    """As Envoy 1.23 to 1.29 exports OTLP."""

    def test_each_is_answered_when_it_is_complete(self) -> None:
        async def run() -> None:
            intake = FakeIntake()
            async with (
                serving(intake) as (_, port),
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                call: Any = channel.stream_stream(STREAM)(metadata=(("lightstep-access-token", "t"),))
                for number in range(3):
                    await call.write(b"message %d" % number)
                    assert await call.read() == b"stored 7"
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
                assert await call.code() is grpc.StatusCode.OK
            assert [came[:2] for came in intake.came] == [
                (b"message %d" % number, "t") for number in range(3)
            ]

        asyncio.run(run())

    def test_one_message_and_one_answer_is_an_ordinary_call(self) -> None:
        async def run() -> None:
            async with serving(FakeIntake()) as (_, port):
                assert await call(port, b"x", method=STREAM) == b"stored 7"
                assert await call(port, b"", method=STREAM) == b"stored 7"

        asyncio.run(run())

    def test_a_refusal_ends_the_call_and_has_its_details(self) -> None:
        async def run() -> None:
            intake = FakeIntake(Overloaded("try again later"))
            async with serving(intake) as (_, port):
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(port, b"x", method=STREAM)
                assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
                trailers = dict(caught.value.trailing_metadata())
                assert trailers["grpc-status-details-bin"] == b"details of overloaded"
                intake.refusal = BadReport("no report")
                with pytest.raises(grpc.aio.AioRpcError) as caught:
                    await call(port, b"x", method=STREAM)
                assert "grpc-status-details-bin" not in dict(caught.value.trailing_metadata())

        asyncio.run(run())

    def test_a_call_without_a_message(self) -> None:
        async def run() -> None:
            async with (
                serving(FakeIntake()) as (_, port),
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                call: Any = channel.stream_stream(STREAM)()
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
                assert await call.code() is grpc.StatusCode.OK

        asyncio.run(run())

    def test_the_stop_does_not_wait_for_the_next_message(self) -> None:
        async def run() -> None:
            async with (
                serving(FakeIntake()) as (server, port),
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                call: Any = channel.stream_stream(STREAM)()
                await call.write(b"x")
                assert await call.read() == b"stored 7"
                async with asyncio.timeout(20):
                    await server.stop(60)
                assert await call.read() is grpc.aio.EOF
                assert await call.code() is grpc.StatusCode.OK

        asyncio.run(run())


def test_a_relayed_call_is_its_senders() -> None:
    class Relayed(dict[str, str]):
        def get(self, address: str, default: Any = None) -> Any:
            assert address == default
            return f"whom {address} is relayed for"

    async def run() -> None:
        intake = FakeIntake()
        async with serving(intake, relayed=Relayed()) as (_, port):
            await call(port, b"x")
            await call(port, b"x", method=STREAM)
        assert all(peer.startswith("whom 127.0.0.1:") for _, _, peer in intake.came)

    asyncio.run(run())


def test_health_follows_readiness_and_lets_watchers_go() -> None:
    async def run() -> None:
        ready = True
        async with (
            serving(FakeIntake(), ready=lambda: ready) as (server, port),
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            stub = health_pb2_grpc.HealthStub(channel)
            request = health_pb2.HealthCheckRequest(service="lightstep.collector.CollectorService")
            watch = stub.Watch(request)
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            ready = False
            for asked in (request, health_pb2.HealthCheckRequest()):
                answer = await stub.Check(asked, timeout=10)
                assert answer.status == health_pb2.HealthCheckResponse.NOT_SERVING
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await stub.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=10)
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.NOT_SERVING
            ready = True
            server.show_readiness()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            async with asyncio.timeout(20):
                await server.stop(60)  # the watcher is still there

    asyncio.run(run())


def test_reflection_knows_the_report_method() -> None:
    async def run() -> list[str]:
        async with serving(FakeIntake()) as (_, port):

            def ask() -> list[str]:
                with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                    database = ProtoReflectionDescriptorDatabase(channel)
                    service = DescriptorPool(database).FindServiceByName(
                        "lightstep.collector.CollectorService"
                    )
                    assert [method.name for method in service.methods] == ["Report"]
                    return list(database.get_services())

            return await asyncio.to_thread(ask)

    assert lightstep_collector_pb2.DESCRIPTOR.package == "lightstep.collector"
    assert {"lightstep.collector.CollectorService", "grpc.health.v1.Health"} <= set(asyncio.run(run()))


def test_a_call_in_hand_is_answered_before_the_stop_ends() -> None:
    async def run() -> None:
        intake = FakeIntake(gate=asyncio.Event())
        async with serving(intake) as (server, port), asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(call(port, b"late"))
            await intake.entered.wait()
            stop = tasks.create_task(server.stop(30))
            await asyncio.sleep(0)
            assert intake.gate is not None
            intake.gate.set()
            assert await answer == b"stored 7"
            await stop

    asyncio.run(run())


def test_a_port_that_is_taken_is_an_os_error() -> None:
    async def run() -> None:
        async with serving(FakeIntake()) as (_, port):
            other = GrpcServer(
                FakeIntake(), protocols=[PROTOCOL], message_bytes_max=LIMIT, ready=lambda: True
            )
            with pytest.raises(OSError, match="in use"):
                other.listen("127.0.0.1", port)

    asyncio.run(run())
