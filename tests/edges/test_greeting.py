"""Ports for any protocol on real sockets of 127.0.0.1: TLS or plain, HTTP/1 or HTTP/2, and what is refused."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trustme

from satellite.edges.budget import ReadingBudget
from satellite.edges.greeting import ALPN
from satellite.edges.grpc.engine import Engine
from satellite.edges.grpc.services import Services
from satellite.edges.http2 import PREFACE
from satellite.edges.listeners import Listeners
from satellite.edges.peers import FLOOD, SERVED_PER_SECOND, Peers
from satellite.faults.book import Faults

CA = trustme.CA()
CERTIFICATE = CA.issue_cert("127.0.0.1")
REQUEST = b"POST /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello"
SETTINGS = b"\0\0\0\4\0\0\0\0\0"
HELLO = PREFACE + SETTINGS


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
    """A port for plain clients and one for TLS."""

    def __init__(self, *, mixed: bool, **limits: Any) -> None:
        self.mixed: list[tuple[str, int, str]] = []
        self.traps: asyncio.Queue[tuple[str, int, str, str]] = asyncio.Queue()
        self.server = Listeners(
            clock_ns=lambda: 0, on_trap=lambda *trap: self.traps.put_nowait(trap), **limits
        )
        engine = Engine(
            protocols=[],
            services=Services(),
            message_bytes_max=1000,
            budget=ReadingBudget(1000),
            on_unknown=lambda *_: 0.0,
            faults=Faults(lambda: 0),
        )

        def listen(*, expects_tls: bool) -> int:
            return self.server.listen(
                http_app,
                "127.0.0.1",
                0,
                server_context() if mixed or expects_tls else None,
                engine=engine,
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
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(0)
            answer: bytes = await reader.read()
        finally:
            writer.close()
        return answer


@asynccontextmanager
async def here(*, mixed: bool = True, **limits: Any) -> AsyncIterator[Here]:
    ports = Here(mixed=mixed, **limits)
    ports.server.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(ports.server.run())
        await asyncio.sleep(0)
        try:
            yield ports
        finally:
            await ports.server.stop(0)


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
def test_http2_on_either_port(run: Any, secure: bool, tls: bool) -> None:
    async def main() -> None:
        async with here() as ports:
            context = client_context("h2") if tls else None
            reader, writer = await ports.open(secure=secure, context=context)
            writer.write(HELLO)
            await reader.readuntil(SETTINGS.replace(b"\4\0", b"\4\1"))  # our settings come before it
            writer.close()

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
            assert await ports.talk(b"\x00\x01") == b""  # it would not understand an answer
            assert (await ports.traps.get())[0] == "not_http"

    run(main)


def test_a_preface_that_comes_in_pieces(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            reader, writer = await ports.open()
            for index in range(len(HELLO)):
                writer.write(HELLO[index : index + 1])
                await writer.drain()
            await reader.readuntil(SETTINGS.replace(b"\4\0", b"\4\1"))
            writer.close()

    run(main)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [(("h2",), "h2"), (("http/1.1", "h2"), "h2"), (("http/1.1",), "http/1.1"), ((), None)],
)
def test_h2_is_chosen_whenever_it_is_offered(run: Any, offered: tuple[str, ...], chosen: str) -> None:
    async def main() -> None:
        async with here() as ports:
            _, writer = await ports.open(secure=True, context=client_context(*offered))
            assert writer.get_extra_info("ssl_object").selected_alpn_protocol() == chosen
            writer.close()

    run(main)


def test_http1_where_alpn_chose_h2(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            answer = await ports.talk(REQUEST, secure=True, context=client_context("h2"))
            assert b"HTTP/1.1" not in answer
            assert b"does not begin as HTTP/2 does" in answer
            assert (await ports.traps.get())[0] == "http2_fault"

    run(main)


def test_a_client_that_offers_nothing_we_speak_and_leaves(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            _, writer = await ports.open(secure=True, context=client_context("spdy/3"))
            writer.close()
            assert (await ports.traps.get())[0] == "no_alpn"

    run(main)


def test_only_what_is_expected(run: Any) -> None:
    async def main() -> None:
        async with here(mixed=False) as ports:
            for hello in (REQUEST, HELLO):
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
        async with here(head_seconds=0.05) as ports:
            assert await ports.talk(b"P") == b""
            assert ports.traps.empty()
        async with here(idle_seconds=0.05) as ports:
            assert await ports.talk() == b""
            _, writer = await ports.open()
            writer.close()
            await writer.wait_closed()
            assert ports.traps.empty()
        async with here() as ports:
            reader, writer = await ports.open(secure=True, context=client_context())
            ports.server.idle_seconds = 0.0  # only now: a handshake may take its time
            assert await reader.read() == b""
            writer.close()
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
            writer.write(HELLO)
            await reader.readuntil(SETTINGS.replace(b"\4\0", b"\4\1"))
            assert (await ports.talk(REQUEST)).startswith(b"HTTP/1.1 503 ")
            assert b"too many connections" in await ports.talk(HELLO)
            assert [(await ports.traps.get())[0] for _ in range(2)] == ["too_many_connections"] * 2
            writer.close()

    run(main)


def test_too_many_connections_of_one_address(run: Any) -> None:
    async def main() -> None:
        async with here(connections_per_peer_max=1) as ports:
            for _ in range(2):  # the place of one that ended is free again
                reader, writer = await ports.open()
                writer.write(REQUEST.replace(b"Connection: close\r\n", b""))
                await reader.readuntil(b"hello over http")
                assert (await ports.talk(REQUEST)).startswith(b"HTTP/1.1 503 ")
                writer.close()
                await writer.wait_closed()

    run(main)


def test_a_flood_is_cut_off_and_its_address_waits(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            pings = b"\0\0\x08\x06\0\0\0\0\0" + bytes(8)
            ports.server.peers = Peers(lambda: 0.0)
            kinds = []
            while "peer_waits" not in kinds:
                with suppress(ConnectionError):
                    await ports.talk(HELLO + pings * 3000)
                kinds.append((await ports.traps.get())[0])
            assert kinds == ["http2_flood"] * 4 + ["peer_waits"]
            assert ports.server.peers.wait_seconds("127.0.0.1") > 0

    run(main)


@pytest.mark.parametrize("mixed", [False, True])
def test_an_address_that_waits_is_answered_late(run: Any, mixed: bool) -> None:
    async def main() -> None:
        async with here(mixed=mixed) as ports:
            ports.server.peers = Peers(lambda: 0.0)
            while not ports.server.peers.trouble("127.0.0.1", FLOOD):
                pass
            began = asyncio.get_running_loop().time()
            assert b"hello over http" in await ports.talk(REQUEST)
            assert asyncio.get_running_loop().time() - began > 0.9 / SERVED_PER_SECOND

    run(main)


@pytest.mark.parametrize("secure", [False, True])
@pytest.mark.parametrize("mixed", [False, True])
def test_connections_beyond_a_turn_of_the_loop_are_all_answered(run: Any, secure: bool, mixed: bool) -> None:
    async def main() -> None:
        async with here(mixed=mixed) as ports:
            context = client_context() if secure else None
            for size in (5, 50_000):
                body = b"%050000d" % size
                request = _request(body[-size:], b"Connection: close\r\n")
                answers = await asyncio.gather(
                    *(ports.talk(request, secure=secure, context=context) for _ in range(40))
                )
                assert all(body[-size:] + b" over http" in answer for answer in answers)

    run(main)


@pytest.mark.parametrize("size", [0, 1, 3900, 4096, 6000, 32_768, 40_000, 70_000, 300_000])
def test_bodies_come_through_as_they_are(run: Any, size: int) -> None:
    """However their heads and their pieces fall together, on a connection that goes on."""

    async def main() -> None:
        async with here(mixed=False) as ports:
            reader, writer = await ports.open()
            for number in range(5):
                body = b"".join(b"%07d." % place for place in range(number, number + size // 8))
                writer.write(_request(body))
                head = await reader.readuntil(b"\r\n\r\n")
                answer = body + b" over http"
                assert b"content-length: %d\r\n" % len(answer) in head
                assert await reader.readexactly(len(answer)) == answer
            writer.close()

    run(main)


@pytest.mark.parametrize("secure", [False, True])
def test_what_came_in_pieces_before_it_was_read_comes_through(run: Any, secure: bool) -> None:
    """With TLS each piece is a record; the first read takes several."""

    async def main() -> None:
        async with here(mixed=False) as ports:
            chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (b"%0300d" % n for n in range(8))]
            head = (
                b"POST /x HTTP/1.1\r\nHost: here\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            )
            context = client_context() if secure else None
            reader, writer = await ports.open(secure=secure, context=context)
            for piece in (head, *chunks, b"0\r\n\r\n"):
                writer.write(piece)
            answer = await reader.read()
            writer.close()
            assert b"".join(b"%0300d" % n for n in range(8)) + b" over http" in answer

    run(main)


def _request(body: bytes, header: bytes = b"") -> bytes:
    return b"POST /x HTTP/1.1\r\nHost: here\r\n%bContent-Length: %d\r\n\r\n%b" % (header, len(body), body)


def test_what_waits_for_its_turn_is_answered_before_a_stop(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def main() -> None:
        async with here(mixed=False) as ports:
            waits = asyncio.Event()
            monkeypatch.setattr(ports.server.turns, "put_off", lambda *_: waits.set())
            ports.server.turns.spend("127.0.0.1", 10**9)
            answer = asyncio.create_task(ports.talk(REQUEST))
            await waits.wait()
            await ports.server.stop(60)
            assert b"hello over http" in await answer

    run(main)


@pytest.mark.parametrize("secure", [False, True])
def test_requests_beyond_a_turn_of_the_loop_are_all_answered(run: Any, secure: bool) -> None:
    async def main() -> None:
        async with here() as ports:
            request = REQUEST.replace(b"Connection: close\r\n", b"")
            context = client_context() if secure else None
            answer = await ports.talk(request * 400 + REQUEST, secure=secure, context=context)
            assert answer.count(b"hello over") == 401

    run(main)


def test_calls_beyond_a_turn_of_the_loop_are_all_answered(run: Any) -> None:
    async def main() -> None:
        async with here() as ports:
            heads = [
                (b"\0\0\x0e\1\5" + number.to_bytes(4, "big") + b"\x83\x86\x84\x41\x09127.0.0.1")
                for number in range(1, 401, 2)
            ]
            ending = b"\0\0\x08\7\0\0\0\0\0" + bytes(8)
            reader, writer = await ports.open()
            writer.write(HELLO + b"".join(heads) + ending)
            found = b""
            while found.count(b" over http") < 200:
                piece = await reader.read(1 << 16)
                assert piece
                found += piece
            writer.close()

    run(main)


POST_HEAD = b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 50\r\n\r\nhel"
"""A body of which three bytes come."""


def test_a_body_below_the_least_rate_is_given_up(run: Any) -> None:
    async def main() -> None:
        async with here(slow_seconds=0.01) as ports:
            answer = await ports.talk(POST_HEAD)
            assert answer.startswith(b"HTTP/1.1 408 Request Timeout\r\n")
            kind, port, _, detail = await ports.traps.get()
            assert (kind, port, detail) == ("slow_body", ports.plain, "at /x")

    run(main)


def test_a_body_below_the_least_rate_over_http2(run: Any) -> None:
    async def main() -> None:
        async with here(slow_seconds=0.01) as ports:
            head = b"\0\0\x0e\1\4\0\0\0\1\x83\x86\x44\x02/x\x41\x06here.x"
            reader, writer = await ports.open()
            writer.write(HELLO + head[:2] + bytes((len(head) - 9,)) + head[3:] + b"\0\0\3\0\0\0\0\0\1hel")
            found = b""
            while b"the body comes too slowly" not in found:
                found += await reader.read(1 << 16)
            assert b"408" in found
            assert (await ports.traps.get())[0] == "slow_body"
            writer.close()

    run(main)


def test_any_rate_will_do_where_none_is_asked_for(run: Any) -> None:
    async def main() -> None:
        async with here(slow_seconds=0.0, least_bytes_per_second=0) as ports:
            reader, writer = await ports.open()
            writer.write(POST_HEAD)
            ports.server._listeners[0].tick(asyncio.get_running_loop().time() + 70)
            writer.write(b"l" * 47)
            assert b"200" in await reader.readuntil(b"\r\n")
            writer.close()

    run(main)


def test_descriptors_run_short(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What brings reports is let go, the newest at once and idle ones, too; other ports go on."""

    async def main() -> None:
        async with here() as ports:
            pages = ports.server.listen(http_app, "127.0.0.1", 0)
            ports.server._listeners[-1].start()
            ports.server._listeners[-1].begin(ports.server.tasks)  # type: ignore[arg-type]
            idle_reader, idle_writer = await ports.open()
            idle_writer.write(REQUEST.replace(b"Connection: close\r\n", b""))
            await idle_reader.readuntil(b"hello over http")
            monkeypatch.setattr("satellite.edges.listeners._IDLE_SECONDS", 0.0)
            ports.server.descriptors.take = lambda: False  # type: ignore[method-assign]
            for secure in (False, True):
                with suppress(OSError):
                    context = client_context() if secure else None
                    assert await ports.talk(REQUEST, secure=secure, context=context) == b""
                kind, _, _, detail = await ports.traps.get()
                assert kind == "no_descriptors"
                assert f"ulimit -n {ports.server.descriptors.limit}" in detail
            assert await idle_reader.read() == b""
            idle_writer.close()
            reader, writer = await asyncio.open_connection("127.0.0.1", pages)
            writer.write(REQUEST)
            assert b"hello over http" in await reader.read()
            writer.close()

    run(main)
