"""HTTP listeners on real sockets of 127.0.0.1: what peers do wrong, and how the stop goes."""

from __future__ import annotations

import asyncio
import socket
import ssl
from contextlib import suppress
from typing import Any

import pytest

from satellite.edges.listeners import Listeners
from tests.edges.served import REQUEST, client_context, closing, served


def test_tls_client_on_the_plain_port(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            with pytest.raises((ssl.SSLError, ConnectionError)):
                await asyncio.open_connection("127.0.0.1", here.plain, ssl=client_context())
            kind, port, peer, _ = await here.traps.get()
            assert (kind, port) == ("tls_client_on_plain_port", here.plain)
            assert peer.startswith("127.0.0.1:")
            assert b"200 OK" in await here.talk(closing(REQUEST))

    run(main)


@pytest.mark.parametrize("hello", [REQUEST, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x00\x00 anything at all"])
def test_plain_client_on_the_tls_port(run: Any, hello: bytes) -> None:
    async def main() -> None:
        async with served() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.secure)
            writer.write(hello)
            await reader.read()
            writer.close()
            assert (await here.traps.get())[:2] == ("plain_client_on_tls_port", here.secure)
            assert b"200 OK" in await here.talk(closing(REQUEST), tls=True)

    run(main)


def test_a_client_without_our_ca(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            # asyncio's own client would close without a word; most others say why.
            with socket.create_connection(("127.0.0.1", here.secure)) as plain:
                wrap = ssl.create_default_context().wrap_socket
                with pytest.raises(ssl.SSLCertVerificationError):
                    await asyncio.to_thread(wrap, plain, server_hostname="127.0.0.1")
            kind, _, _, detail = await here.traps.get()
            assert (kind, "UNKNOWN_CA" in detail) == ("client_rejected_certificate", True)

    run(main)


def test_a_client_that_hangs_up_in_the_handshake(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            _, writer = await asyncio.open_connection("127.0.0.1", here.secure)
            writer.close()
            assert (await here.traps.get())[0] == "tls_handshake_failed"

    run(main)


def test_a_handshake_that_never_begins_has_a_limit(run: Any) -> None:
    async def main() -> None:
        async with served(head_seconds=0.05) as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.secure)
            assert await reader.read() == b""
            writer.close()
            assert (await here.traps.get())[0] == "tls_handshake_failed"

    run(main)


def test_grpc_on_an_http_port(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            assert await here.talk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n") == b""
            assert (await here.traps.get())[0] == "http2_client_on_http1_port"

    run(main)


def test_too_many_connections(run: Any) -> None:
    async def main() -> None:
        async with served(connections_max=1) as here:
            for port in (here.plain, here.secure):
                first = await asyncio.open_connection(
                    "127.0.0.1", port, ssl=client_context() if port == here.secure else None
                )
                first[1].write(REQUEST)
                await first[0].readuntil(b"hello")
                answer = await here.talk(REQUEST, tls=port == here.secure)
                assert answer.startswith(b"HTTP/1.1 503 Service Unavailable\r\n")
                first[1].close()

    run(main)


def test_who_says_nothing_makes_room(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that asks is served where a port is full of silence, and not where it is full of others that asked."""
    monkeypatch.setattr("satellite.edges.listener._SILENT_SECONDS", 0.0)
    monkeypatch.setattr("satellite.edges.listener._REFUSED_MAX", 0)

    async def main() -> None:
        async with served(connections_max=2) as here:
            for port in (here.plain, here.secure):
                tls = port == here.secure
                silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
                others = []
                for reader, writer in silent:
                    one = await asyncio.open_connection(
                        "127.0.0.1", port, ssl=client_context() if tls else None
                    )
                    one[1].write(REQUEST)
                    await one[0].readuntil(b"hello")
                    others.append(one)
                    assert await reader.read() == b""
                    writer.close()
                answer = b""
                with suppress(OSError):
                    answer = await here.talk(REQUEST, tls=tls)
                assert b"200 OK" not in answer
                for _, writer in others:
                    writer.close()

    run(main)


@pytest.mark.parametrize("tls", [False, True])
def test_a_request_in_hand_is_answered_before_the_stop_ends(run: Any, tls: bool) -> None:
    async def main() -> None:
        async with served() as here, asyncio.TaskGroup() as tasks:
            here.echo.gate = asyncio.Event()
            answer = tasks.create_task(here.talk(REQUEST, tls=tls))
            await here.echo.entered.wait()
            stop = tasks.create_task(here.server.stop(30))
            await asyncio.sleep(0)
            here.echo.gate.set()
            assert (await answer).endswith(b"hello")
            await stop
            with pytest.raises(OSError):
                await asyncio.open_connection("127.0.0.1", here.secure if tls else here.plain)

    run(main)


def test_the_stop_does_not_wait_for_idle_connections_nor_handshakes(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            writers = []
            for port, tls in ((here.plain, None), (here.secure, client_context()), (here.secure, None)):
                _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
                writers.append(writer)
            async with asyncio.timeout(20):
                await here.server.stop(60)
            for writer in writers:
                writer.close()

    run(main)


def test_a_request_that_takes_too_long_is_cut_off(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as here, asyncio.TaskGroup() as tasks:
            here.echo.gate = asyncio.Event()
            answer = tasks.create_task(here.talk(REQUEST))
            await here.echo.entered.wait()
            await here.server.stop(0)
            assert b"200 OK" not in await answer

    run(main)


def test_the_stop_refuses_a_body_that_is_not_complete(run: Any, caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        async with served() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\nExpect: 100-continue\r\n\r\n")
            assert (await reader.readline()).startswith(b"HTTP/1.1 100 ")  # the application waits for it
            await here.server.stop(0)
            assert b"503 Service Unavailable" in await reader.read()
            writer.close()
            assert here.echo.left.is_set()

    run(main)
    assert "Traceback" not in caplog.text


def test_a_port_that_is_taken_is_an_os_error(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            other = Listeners(clock_ns=lambda: 0, on_trap=lambda *_: None)
            with pytest.raises(OSError, match="in use"):
                other.listen(here.echo, "127.0.0.1", here.plain)

    run(main)
