"""Both gRPC engines with a fake intake: what reaches it, and what its answers become on the wire."""

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

from satellite.edges.budget import ReadingBudget
from satellite.edges.grpc.call import Wire
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.grpcio import GrpcioServer
from satellite.edges.grpc.health import Health
from satellite.edges.grpc.services import Services
from satellite.edges.grpc.standard import add_standard
from satellite.edges.listeners import Listeners
from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.faults.book import Faults
from satellite.intake.head import NOWHERE, Head
from satellite.intake.intake import Delivery
from satellite.intake.queue import Waiter
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
    refused: list[str] = field(default_factory=list)
    taking: list[asyncio.Future[None]] = field(default_factory=list)

    async def submit(
        self,
        protocol: WireProtocol,
        body: bytes,
        *,
        header_token: str = "",
        peer: str = "",
        head: Head = NOWHERE,
    ) -> Receipt:
        assert protocol in (PROTOCOL, STREAMING)
        self.came.append((body, header_token, peer))
        self.entered.set()
        if self.gate is not None:
            await self.gate.wait()
        return Receipt(1, 2, refusal=self.refusal, stored=7)

    def hand_over(self, one: Delivery, waiter: Waiter) -> None:
        async def take() -> None:
            receipt = await self.submit(one.protocol, one.body, header_token=one.header_token, peer=one.peer)
            if not waiter.cancelled():
                waiter.set_result(receipt)

        self.taking.append(asyncio.ensure_future(take()))

    def refuse(self, protocol: str, error: SatelliteError, *, size_bytes: int = 0, peer: str = "") -> None:
        self.refused.append(error.code)


class Certificate:
    """A CA and what it issued."""

    def __init__(self) -> None:
        self.ca = trustme.CA()
        self.server = self.ca.issue_cert("lightstep-satellite.lightstep", "127.0.0.1")

    def trusting(self) -> grpc.ChannelCredentials:
        return grpc.ssl_channel_credentials(self.ca.cert_pem.bytes())


class Served:
    """One engine with its ports."""

    def __init__(self, engine: str, intake: FakeIntake, ready: Callable[[], bool] = lambda: True) -> None:
        services = Services()
        protocols = [PROTOCOL, STREAMING]
        self.health: Health = add_standard(services, protocols, ready)
        self.intake = intake
        self.traps: list[tuple[str, int, str, str]] = []
        self.grpcio: GrpcioServer | None = None
        self.listeners = Listeners(clock_ns=lambda: 0, on_trap=lambda *trap: self.traps.append(trap))
        self.budget = ReadingBudget(10 * LIMIT)
        self.engine = Engine(
            protocols=protocols,
            services=services,
            message_bytes_max=LIMIT,
            budget=self.budget,
            on_unknown=self.unknown,
            faults=Faults(lambda: 0),
        )
        if engine == "grpcio":
            self.grpcio = GrpcioServer(
                intake, protocols=protocols, services=services, health=self.health, message_bytes_max=LIMIT
            )

    def unknown(self, wire: Wire, path: str) -> float:
        self.traps.append(("unknown", wire.port, wire.peer, path))
        return 0.001

    def listen(self, port: int = 0, certificate: Certificate | None = None) -> int:
        if self.grpcio is not None:
            credentials = None
            if certificate is not None:
                key = certificate.server.private_key_pem.bytes()
                chain = b"".join(blob.bytes() for blob in certificate.server.cert_chain_pems)
                credentials = grpc.ssl_server_credentials([(key, chain)])
            return self.grpcio.listen("127.0.0.1", port, credentials)
        context = None
        if certificate is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            certificate.server.configure_cert(context)
            context.set_alpn_protocols(["h2", "http/1.1"])
        return self.listeners.listen(None, "127.0.0.1", port, context, intake=self.intake, engine=self.engine)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        if self.grpcio is not None:
            await self.grpcio.start()
        self.listeners.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self.listeners.run())
            await asyncio.sleep(0)
            try:
                yield
            finally:
                await self.stop(0)

    async def stop(self, grace_seconds: float) -> None:
        self.health.end()
        if self.grpcio is not None:
            await self.grpcio.stop(grace_seconds)
        await self.listeners.stop(grace_seconds)


@pytest.fixture(params=["edge", "grpcio"])
def engine(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@asynccontextmanager
async def serving(
    engine: str,
    intake: FakeIntake,
    *,
    ready: Callable[[], bool] = lambda: True,
    certificate: Certificate | None = None,
) -> AsyncIterator[tuple[Served, int]]:
    server = Served(engine, intake, ready)
    port = server.listen(certificate=certificate)
    async with server.running():
        yield server, port


async def call(port: int, body: bytes, **options: Any) -> bytes:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        return await over(channel, body, **options)


async def over(channel: grpc.aio.Channel, body: bytes, method: str = METHOD, **options: Any) -> bytes:
    answer: bytes = await channel.unary_unary(method)(body, timeout=10, **options)  # type: ignore[arg-type]
    return answer


def test_bytes_in_bytes_out(engine: str) -> None:
    async def run() -> None:
        intake = FakeIntake()
        async with serving(engine, intake) as (_, port):
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
def test_a_refusal_is_a_status(engine: str, refusal: SatelliteError, code: grpc.StatusCode) -> None:
    async def run() -> None:
        async with serving(engine, FakeIntake(refusal)) as (_, port):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(port, b"x")
            assert caught.value.code() is code
            assert caught.value.details() == refusal.message

    asyncio.run(run())


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
def test_a_message_over_the_limit_never_reaches_the_intake(
    engine: str, compression: grpc.Compression
) -> None:
    async def run() -> None:
        intake = FakeIntake()
        async with serving(engine, intake) as (_, port):
            with pytest.raises(grpc.aio.AioRpcError) as caught:
                await call(port, bytes(50 * LIMIT), compression=compression)
            assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            assert await call(port, bytes(LIMIT), compression=compression) == b"stored 7"
        assert [len(body) for body, _, _ in intake.came] == [LIMIT]

    asyncio.run(run())


def test_tls_as_envoy_does_it(engine: str) -> None:
    """The authority is the cluster's name, which no certificate holds; only the chain is checked."""
    certificate = Certificate()

    async def run() -> None:
        async with serving(engine, FakeIntake(), certificate=certificate) as (_, port):
            trusted = certificate.trusting()
            options = [
                ("grpc.default_authority", "lightstep"),
                ("grpc.ssl_target_name_override", "lightstep-satellite.lightstep"),
            ]
            for extra in ([], options):
                async with grpc.aio.secure_channel(f"127.0.0.1:{port}", trusted, options=extra) as channel:
                    assert await over(channel, b"x") == b"stored 7"

    asyncio.run(run())


def test_the_wrong_client_does_not_harm_the_server(engine: str) -> None:
    certificate = Certificate()

    async def run() -> None:
        server = Served(engine, FakeIntake())
        plain, secure = server.listen(), server.listen(certificate=certificate)
        async with server.running():
            with pytest.raises((ssl.SSLError, OSError)):  # TLS on the plain port
                await asyncio.open_connection("127.0.0.1", plain, ssl=ssl.create_default_context())
            reader, writer = await asyncio.open_connection("127.0.0.1", secure)  # plain on the TLS port
            writer.write(b"POST / HTTP/1.1\r\n\r\n")
            with pytest.raises((ssl.SSLError, OSError)):  # a client without the CA
                await asyncio.open_connection("127.0.0.1", secure, ssl=ssl.create_default_context())
            await reader.read()
            writer.close()
            assert await call(plain, b"x") == b"stored 7"
            async with grpc.aio.secure_channel(f"127.0.0.1:{secure}", certificate.trusting()) as channel:
                assert await over(channel, b"x") == b"stored 7"

    asyncio.run(run())


class TestOneCallWithManyMessages:
    """As Envoy 1.23 to 1.29 exports OTLP."""

    def test_each_is_answered_when_it_is_complete(self, engine: str) -> None:
        async def run() -> None:
            intake = FakeIntake()
            async with (
                serving(engine, intake) as (_, port),
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

    def test_one_message_and_one_answer_is_an_ordinary_call(self, engine: str) -> None:
        async def run() -> None:
            async with serving(engine, FakeIntake()) as (_, port):
                assert await call(port, b"x", method=STREAM) == b"stored 7"
                assert await call(port, b"", method=STREAM) == b"stored 7"

        asyncio.run(run())

    def test_a_refusal_ends_the_call_and_has_its_details(self, engine: str) -> None:
        async def run() -> None:
            intake = FakeIntake(Overloaded("try again later"))
            async with serving(engine, intake) as (_, port):
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

    def test_a_call_without_a_message(self, engine: str) -> None:
        async def run() -> None:
            async with (
                serving(engine, FakeIntake()) as (_, port),
                grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
            ):
                call: Any = channel.stream_stream(STREAM)()
                await call.done_writing()
                assert await call.read() is grpc.aio.EOF
                assert await call.code() is grpc.StatusCode.OK

        asyncio.run(run())

    def test_the_stop_does_not_wait_for_the_next_message(self, engine: str) -> None:
        async def run() -> None:
            async with (
                serving(engine, FakeIntake()) as (server, port),
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


def test_health_follows_readiness_and_lets_watchers_go(engine: str) -> None:
    async def run() -> None:
        ready = True
        async with (
            serving(engine, FakeIntake(), ready=lambda: ready) as (server, port),
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
            server.health.follow()
            assert (await watch.read()).status == health_pb2.HealthCheckResponse.SERVING
            async with asyncio.timeout(20):
                await server.stop(60)  # the watcher is still there

    asyncio.run(run())


def test_reflection_knows_the_report_method(engine: str) -> None:
    async def run() -> list[str]:
        async with serving(engine, FakeIntake()) as (_, port):

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


def test_a_call_in_hand_is_answered_before_the_stop_ends(engine: str) -> None:
    async def run() -> None:
        intake = FakeIntake(gate=asyncio.Event())
        async with serving(engine, intake) as (server, port), asyncio.TaskGroup() as tasks:
            answer = tasks.create_task(call(port, b"late"))
            await intake.entered.wait()
            stop = tasks.create_task(server.stop(30))
            await asyncio.sleep(0)
            assert intake.gate is not None
            intake.gate.set()
            assert await answer == b"stored 7"
            await stop

    asyncio.run(run())


class TestToldToComeLater:
    """By our engine, where many are: the answer waits for its turn."""

    def test_one_that_may_come_again_waits_for_its_turn_and_others_do_not(self) -> None:
        async def run() -> None:
            intake = FakeIntake(Overloaded("try again later"))
            asked: list[float] = []
            async with serving("edge", intake) as (server, port):
                server.listeners.later_wait_seconds = lambda: asked.append(0.001) or 0.001  # type: ignore[method-assign,func-returns-value]
                for refusal in (Overloaded("try again later"), StoreFailed("the disk is full")):
                    intake.refusal = refusal
                    with pytest.raises(grpc.aio.AioRpcError, match=refusal.message):
                        await call(port, b"x")
                intake.refusal = BadReport("no report")
                with pytest.raises(grpc.aio.AioRpcError, match="no report"):
                    await call(port, b"x")
                assert len(asked) == 2
                assert server.budget.held_bytes == 0

        asyncio.run(run())

    @pytest.mark.parametrize("method", [METHOD, STREAM])
    def test_it_is_told_when_the_satellite_stops(self, method: str) -> None:
        async def run() -> None:
            intake = FakeIntake(Overloaded("try again later"))
            asked = asyncio.Event()
            async with serving("edge", intake) as (server, port), asyncio.TaskGroup() as tasks:
                server.listeners.later_wait_seconds = lambda: asked.set() or 3600.0  # type: ignore[method-assign,func-returns-value]
                async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
                    answer = tasks.create_task(expect_unavailable(channel, method))
                    await asked.wait()
                    tasks.create_task(server.stop(30))
                    await answer

        async def expect_unavailable(channel: grpc.aio.Channel, method: str) -> None:
            with pytest.raises(grpc.aio.AioRpcError, match="try again later"):
                await over(channel, b"x" * 1000, method)

        asyncio.run(run())


def test_a_port_that_is_taken_is_an_os_error(engine: str) -> None:
    async def run() -> None:
        async with serving(engine, FakeIntake()) as (_, port):
            other = Served(engine, FakeIntake())
            with pytest.raises(OSError, match="in use"):
                other.listen(port)

    asyncio.run(run())
