"""A port for any protocol on real sockets of 127.0.0.1; behind it an HTTP application and something to relay to."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trustme
import uvloop

from satellite.edges.any_port import ALPN, HTTP2_PREFACE, Grpc
from satellite.edges.listeners import HttpListeners

CA = trustme.CA()
CERTIFICATE = CA.issue_cert("127.0.0.1")
REQUEST = b"POST /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
PREFACE = HTTP2_PREFACE + b"\r\n\r\nSM\r\n\r\n"


@pytest.fixture(params=["asyncio", "uvloop"])
def run(request: pytest.FixtureRequest) -> Callable[[Callable[[], Awaitable[None]]], None]:
    factory = uvloop.new_event_loop if request.param == "uvloop" else None

    def run_in_loop(main: Callable[[], Any]) -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(main())

    return run_in_loop


def server_context() -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    CERTIFICATE.configure_cert(made)
    made.set_alpn_protocols(list(ALPN))
    return made


def client_context(*alpn: str) -> ssl.SSLContext:
    made = ssl.create_default_context()
    CA.configure_trust(made)
    if alpn:
        made.set_alpn_protocols(list(alpn))
    return made


async def http_app(scope: Any, receive: Any, send: Any) -> None:
    body = b""
    more = True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    answer = b"%s over %s" % (body, scope["scheme"].encode())
    headers = [(b"content-length", b"%d" % len(answer))]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


class Here:
    """A port for plain clients and one for TLS; what is HTTP/2 comes to `behind`."""

    def __init__(self, behind: Callable[[Any, Any], Awaitable[None]], *, mixed: bool, **limits: Any) -> None:
        self.behind = behind
        self.mixed: list[tuple[str, int, str]] = []
        self.traps: asyncio.Queue[tuple[str, int, str, str]] = asyncio.Queue()
        self.grpc = Grpc()
        self.server = HttpListeners(
            clock_ns=lambda: 0, on_trap=lambda *trap: self.traps.put_nowait(trap), **limits
        )

        def listen(*, expects_tls: bool) -> int:
            return self.server.listen_any(
                http_app,
                "127.0.0.1",
                0,
                server_context(),
                grpc=self.grpc,
                expects_tls=expects_tls,
                on_mixed=(lambda *one: self.mixed.append(one)) if mixed else None,
                headers=[(b"x-mark", b"here")],
            )

        self.plain, self.secure = listen(expects_tls=False), listen(expects_tls=True)

    async def open(self, *, secure: bool = False, context: ssl.SSLContext | None = None) -> Any:
        return await asyncio.open_connection("127.0.0.1", self.secure if secure else self.plain, ssl=context)

    async def talk(self, *parts: bytes, **how: Any) -> bytes:
        """Everything that comes back before the connection ends."""
        reader, writer = await self.open(**how)
        for part in parts:
            writer.write(part)
            await writer.drain()
            await asyncio.sleep(0)
        answer: bytes = await reader.read()
        writer.close()
        return answer


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Gives everything back; ends when the client has ended."""
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.write(b"the end")
    writer.close()


@asynccontextmanager
async def here(
    behind: Callable[[Any, Any], Awaitable[None]] = echo, *, mixed: bool = True, **limits: Any
) -> AsyncIterator[Here]:
    ports = Here(behind, mixed=mixed, **limits)
    upstream = await asyncio.start_server(behind, "127.0.0.1", 0)
    ports.grpc.port = upstream.sockets[0].getsockname()[1]
    await ports.server.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ports.server.run())
        await asyncio.sleep(0)
        try:
            yield ports
        finally:
            await ports.server.stop(0)
            upstream.close()
            await upstream.wait_closed()


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_http_on_either_port(run: Any, secure: bool, tls: bool) -> None:
    async def main() -> None:
        async with here() as ports:
            answer = await ports.talk(REQUEST, secure=secure, context=client_context() if tls else None)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"\r\nx-mark: here\r\n" in answer
            assert answer.endswith(b"hello over https" if tls else b"hello over http")
            expected = (
                [] if tls is secure else ["tls_client_on_plain_port" if tls else "plain_client_on_tls_port"]
            )
            assert [kind for kind, _, _ in ports.mixed] == expected
            assert all(peer.startswith("127.0.0.1:") for _, _, peer in ports.mixed)

    run(main)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("tls", [False, True])
def test_http2_is_relayed_from_either_port(run: Any, secure: bool, tls: bool) -> None:
    async def main() -> None:
        async with here() as ports:
            context = client_context("h2") if tls else None
            reader, writer = await ports.open(secure=secure, context=context)
            for part in (PREFACE, b"frames"):
                writer.write(part)
                assert await reader.readexactly(len(part)) == part
            [(ours, client)] = ports.grpc.peers.items()
            assert client == "{}:{}".format(*writer.get_extra_info("sockname"))
            assert ours.startswith("127.0.0.1:")
            writer.close()
            with pytest.raises(asyncio.IncompleteReadError):
                await reader.readexactly(1)

    run(main)


@pytest.mark.parametrize("parts", [[REQUEST[:1], REQUEST[1:]], [REQUEST[:3], REQUEST[3:30], REQUEST[30:]]])
def test_a_request_that_comes_in_pieces(run: Any, parts: list[bytes]) -> None:
    async def main() -> None:
        async with here() as ports:
            for tls in (None, client_context()):
                assert b"hello over http" in await ports.talk(*parts, context=tls)

    run(main)


def test_what_begins_like_the_preface_and_is_none(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            assert (await ports.talk(b"P", b"R", b"OPFIND / HTTP/1.1\r\n\r\n"[1:])).startswith(b"HTTP/1.1 ")
            assert (await ports.talk(b"\x00\x01")).startswith(b"HTTP/1.1 400 ")
            assert (await ports.traps.get())[0] == "not_http"

    run(main)


def test_a_preface_that_comes_in_pieces(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            reader, writer = await ports.open()
            for index in range(len(PREFACE)):
                writer.write(PREFACE[index : index + 1])
                await writer.drain()
            assert await reader.readexactly(len(PREFACE)) == PREFACE
            writer.close()

    run(main)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("h2",), "h2"), (("h2", "http/1.1"), "http/1.1"), (("http/1.1",), "http/1.1"), ((), None)],
)
def test_a_client_that_offers_both_is_no_grpc_client(run: Any, offered: tuple[str, ...], chosen: str) -> None:
    async def main() -> None:
        async with here() as ports:
            _, writer = await ports.open(secure=True, context=client_context(*offered))
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
            writer.close()

    run(main)


def test_a_client_that_ends_first_still_hears_the_answer(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            reader, writer = await ports.open()
            writer.write(PREFACE)
            writer.write_eof()
            assert await reader.read() == PREFACE + b"the end"
            writer.close()

    run(main)


def test_what_was_sent_before_the_client_left_arrives(run: Any) -> None:
    async def main() -> None:
        arrived: asyncio.Queue[bytes] = asyncio.Queue()

        async def sink(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            arrived.put_nowait(await reader.read())
            writer.close()

        async with here(sink) as ports:
            for context in (None, client_context("h2")):
                _, writer = await ports.open(context=context)
                writer.write(PREFACE + b"x" * 1_000_000)
                await writer.drain()
                writer.close()
                await writer.wait_closed()
                assert len(await arrived.get()) == len(PREFACE) + 1_000_000
            assert not ports.grpc.peers

    run(main)


def test_neither_side_is_read_faster_than_the_other_takes(run: Any) -> None:
    """Both ways: more than all buffers between hold, to a peer that does not read at first."""

    async def main() -> None:
        size = 30_000_000
        gate = asyncio.Event()

        async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await gate.wait()
            read = 0
            while read < size:
                read += len(await reader.read(1 << 20))
            writer.write(bytes(size))
            await writer.drain()
            writer.close()

        async with here(slow) as ports:
            reader, writer = await ports.open()
            writer.write(PREFACE + bytes(size - len(PREFACE)))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await writer.drain()
            gate.set()
            assert len(await reader.read()) == size
            writer.close()

    run(main)


def test_nobody_behind(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            with socket.socket() as nobody:
                nobody.bind(("127.0.0.1", 0))
                ports.grpc.port = nobody.getsockname()[1]
                reader, writer = await ports.open()
                writer.write(PREFACE)
                with suppress(ConnectionError):
                    assert await reader.read() == b""
                writer.close()
            assert b"hello over http" in await ports.talk(REQUEST)

    run(main)


def test_the_server_behind_ends_the_connection(run: Any) -> None:
    async def main() -> None:
        async def goodbye(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(len(PREFACE))
            writer.write(b"goodbye")
            writer.close()

        async with here(goodbye) as ports:
            for context in (None, client_context("h2")):
                assert await ports.talk(PREFACE, context=context) == b"goodbye"
            assert not ports.grpc.peers

    run(main)


def test_only_what_is_expected(run: Any) -> None:
    async def main() -> None:
        async with here(mixed=False) as ports:
            for hello in (REQUEST, PREFACE):
                assert await ports.talk(hello, secure=True) == b""
                kind, port, peer, _ = await ports.traps.get()
                assert (kind, port) == ("plain_client_on_tls_port", ports.secure)
                assert peer.startswith("127.0.0.1:")
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await ports.open(context=client_context())
            assert (await ports.traps.get())[:2] == ("tls_client_on_plain_port", ports.plain)
            assert b"hello over https" in await ports.talk(REQUEST, secure=True, context=client_context())
            assert b"hello over http" in await ports.talk(REQUEST)
            assert ports.mixed == []

    run(main)


def test_peers_that_say_nothing(run: Any) -> None:
    async def main() -> None:
        async with here(idle_seconds=0.05) as ports:
            assert await ports.talk() == b""
            assert await ports.talk(b"P") == b""
            assert await ports.talk(secure=True, context=client_context()) == b""
            _, writer = await ports.open()
            writer.close()
            await writer.wait_closed()
            assert ports.traps.empty()

    run(main)


def test_a_handshake_that_fails(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            await ports.talk(b"\x16\x03\x01\x00\x02no handshake at all")
            assert (await ports.traps.get())[0] == "tls_handshake_failed"

    run(main)


def test_the_stop_does_not_wait_for_who_says_nothing(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            writers = [(await ports.open())[1], (await ports.open(context=client_context()))[1]]
            reader, writer = await ports.open()
            writer.write(b"P")
            async with asyncio.timeout(20):
                await ports.server.stop(60)
            with suppress(ConnectionError):
                assert await reader.read() == b""
            for one in (*writers, writer):
                one.close()

    run(main)


def test_too_many_connections(run: Any) -> None:
    async def main() -> None:
        async with here(connections_max=1) as ports:
            reader, writer = await ports.open()
            writer.write(PREFACE)
            await reader.readexactly(len(PREFACE))
            with suppress(ConnectionError):
                assert await ports.talk(REQUEST) == b""
            writer.close()

    run(main)
