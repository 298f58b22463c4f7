"""HTTP/1 on real sockets: what is odd about requests, their heads and bodies, and what of it is refused."""

from __future__ import annotations

import asyncio
import gzip
from types import SimpleNamespace
from typing import Any

import pytest

from satellite.edges.http1 import FIELDS_MAX, HEAD_BYTES_MAX, HEAD_PIECE_BYTES, HOLD, _Answer
from tests.edges.served import REQUEST, client_context, closing, served


@pytest.mark.parametrize("tls", [False, True])
def test_an_answer_has_a_reason_phrase_and_a_date(run: Any, tls: bool) -> None:
    async def main() -> None:
        async with served() as here:
            answer = await here.talk(closing(REQUEST), tls=tls)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert b"date: Tue, 14 Nov 2023 22:13:20 GMT\r\n" in answer
            assert answer.endswith(b"hello")

    run(main)


def test_two_requests_on_one_connection(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            answer = await here.talk(REQUEST + closing(REQUEST))
            assert answer.count(b"200 OK") == 2

    run(main)


def test_no_more_requests_are_read_than_can_be_answered_soon(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            turns = asyncio.Semaphore(0)
            here.echo.gate = SimpleNamespace(wait=turns.acquire)  # type: ignore[assignment]
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(REQUEST * 1500 + closing(REQUEST))
            for _ in range(50):
                turns.release()
                await reader.readuntil(b"hello")
            [connection] = here.server._listeners[0].connections
            assert len(connection.pipeline) < 2 * HEAD_PIECE_BYTES / len(REQUEST)
            for _ in range(1451):
                turns.release()
            assert (await reader.read()).count(b"200 OK") == 1451
            writer.close()

    run(main)


def test_a_tracer_with_manners_of_its_own(run: Any) -> None:
    """The C++ streamer: no space after colons, a padded Host, chunk sizes padded and not."""

    async def main() -> None:
        head = b"POST /x HTTP/1.1\r\nConnection:close\r\nContent-Type:a/b\r\nTransfer-Encoding:chunked\r\n"
        body = b"5\r\nhello\r\n00000003\r\n..." + b"\r\n0\r\n\r\n"
        async with served() as here:
            answer = await here.talk(head + b"Host:      here\r\n\r\n" + body)
            assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
            assert answer.endswith(b"hello...")

    run(main)


def test_expect_100_continue(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(b"POST /x HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
            assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
            writer.write(b"ok")
            assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 OK\r\n")
            writer.close()

    run(main)


def test_a_client_that_would_rather_speak_http2(run: Any) -> None:
    """Java's: its body comes in a segment of its own."""

    async def main() -> None:
        head, end, body = REQUEST.partition(b"\r\n\r\n")
        wish = b"\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAEAAEAA"
        async with served() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            for upgrade in (wish, b"", wish):
                here.echo.entered.clear()
                writer.write(head + upgrade + end)
                await here.echo.entered.wait()
                writer.write(body)
                assert (await reader.readuntil(b"hello")).startswith(b"HTTP/1.1 200 OK\r\n")
            text = b"\r\nUpgrade: h2c\r\n\r\n"
            here.echo.entered.clear()
            writer.write(b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % len(text))
            await here.echo.entered.wait()
            writer.write(text)
            assert (await reader.readuntil(b"h2c\r\n\r\n")).endswith(text)
            writer.close()

    run(main)


def test_what_is_no_http(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            assert (await here.talk(b"\x00" * 20)).startswith(b"HTTP/1.1 400 Bad Request\r\n")
            assert (await here.traps.get())[0] == "not_http"

    run(main)


TOO_LARGE = b"POST / HTTP/1.1\r\nHost: here\r\nx: " + b"y" * 70_000 + b"\r\n\r\n"
BROKEN_BODY = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nno length\r\n"


@pytest.mark.parametrize("request_", [REQUEST, closing(REQUEST)], ids=["keep-alive", "close"])
@pytest.mark.parametrize(
    "behind",
    [b"}", b"\r\n}\r\n", b"x" * 100_000, TOO_LARGE, b"GET / HTTP/1.1\r\n\r\n", BROKEN_BODY],
    ids=["a byte", "a line", "much", "a large head", "no Host", "a broken body"],
)
def test_bytes_behind_a_complete_body_change_nothing_of_its_answer(
    run: Any, behind: bytes, request_: bytes
) -> None:
    """Their request may have been acted upon; what cannot be read after it is refused by closing."""

    async def main() -> None:
        async with served() as here:
            check_answered_once(await here.talk(request_ + behind))

    run(main)


@pytest.mark.parametrize("tls", [False, True])
def test_bytes_that_come_while_a_request_is_handled(run: Any, tls: bool) -> None:
    async def main() -> None:
        async with served() as here, asyncio.TaskGroup() as tasks:
            here.echo.gate = asyncio.Event()
            reader, writer = await asyncio.open_connection(
                "127.0.0.1", here.secure if tls else here.plain, ssl=client_context() if tls else None
            )
            writer.write(REQUEST)
            answer = tasks.create_task(reader.read())
            await here.echo.entered.wait()
            writer.write(b"}")
            assert (await here.traps.get())[0] == "not_http"
            here.echo.gate.set()
            check_answered_once(await answer)
            writer.close()

    run(main)


def check_answered_once(answer: bytes) -> None:
    """What is refused behind it has an answer of its own, if it was read so far only later."""
    first, *refused = answer.split(b"HTTP/1.1 ")[1:]
    assert first.startswith(b"200 OK\r\n")
    assert first.endswith(b"\r\n\r\nhello")
    assert [one[:3] for one in refused] in ([], [b"431"])
    assert answer.count(b"connection: close") == 1


def test_requests_before_one_that_cannot_be_read_are_all_answered(run: Any) -> None:
    async def main() -> None:
        for behind in (b"}", BROKEN_BODY, TOO_LARGE):
            async with served() as here:
                answers = (await here.talk(REQUEST * 3 + behind)).split(b"HTTP/1.1 ")[1:]
                assert [one[:3] + one[-5:] for one in answers[:3]] == [b"200hello"] * 3
                assert [one[:3] for one in answers[3:]] in ([], [b"431"]), "if at all, then after them"

    run(main)


def test_headers_without_end(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            header = b"x: " + b"y" * 1000 + b"\r\n"
            request = b"GET / HTTP/1.1\r\n" + header * (HEAD_BYTES_MAX // len(header) + 2)
            assert (await here.talk(request)).startswith(b"HTTP/1.1 431 ")

    run(main)


@pytest.mark.parametrize(
    "head",
    [
        b"x: " + b"y" * 70_000 + b"\r\n",
        b"".join(b"x%d: y\r\n" % number for number in range(FIELDS_MAX + 1)),
        b"".join(b"x%d: y\r\n" % number for number in range(10_000)),
    ],
    ids=["70 kB", "too many fields", "10,000 fields"],
)
@pytest.mark.parametrize("pieces", [1, 7])
def test_heads_that_are_too_large(run: Any, head: bytes, pieces: int) -> None:
    async def main() -> None:
        request = b"POST / HTTP/1.1\r\nHost: x\r\n" + head + b"Content-Length: 0\r\n\r\n"
        size = -(-len(request) // pieces)
        async with served() as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            for at in range(0, len(request), size):
                writer.write(request[at : at + size])
                await asyncio.sleep(0)
            assert (await reader.readline()).startswith(b"HTTP/1.1 431 ")
            writer.close()
            assert not here.echo.entered.is_set()

    run(main)


def test_a_target_that_is_too_long(run: Any) -> None:
    async def main() -> None:
        async with served() as here:
            request = b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n"
            assert (await here.talk(request)).startswith(b"HTTP/1.1 431 ")

    run(main)


@pytest.mark.parametrize(
    ("hosts", "version", "status"),
    [
        (b"", b"1.1", b"400"),
        (b"Host: a\r\nHost: a\r\n", b"1.1", b"400"),
        (b"Host: a\r\nhOST: b\r\n", b"1.0", b"400"),
        (b"Host: a\r\n", b"1.1", b"200"),
        (b"Host:\r\n", b"1.1", b"200"),
        (b"", b"1.0", b"200"),
    ],
)
def test_a_request_has_one_host(run: Any, hosts: bytes, version: bytes, status: bytes) -> None:
    async def main() -> None:
        async with served() as here:
            answer = await here.talk(b"GET / HTTP/%b\r\n%bConnection: close\r\n\r\n" % (version, hosts))
            assert answer.split()[1] == status

    run(main)


@pytest.mark.parametrize("codings", [b"gzip, chunked", b"gzip\r\nTransfer-Encoding: chunked"])
def test_a_transfer_coding_beside_chunked_is_not_implemented(run: Any, codings: bytes) -> None:
    async def main() -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: " + codings
        async with served() as here:
            answer = await here.talk(head + b"\r\n\r\n5\r\nhello\r\n0\r\n\r\n")
            assert answer.split()[1] == b"501"
            assert b"chunked (RFC 9112" in answer

    run(main)


def test_what_a_chunked_body_has_beside_its_content(run: Any) -> None:
    async def main() -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        small = b"5;name=value;more\r\nhello\r\n" * 5_000
        async with served() as here:
            assert (await here.talk(head + small + b"0\r\nTrailer: x\r\n\r\n")).endswith(b"hello" * 5_000)
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(head + b"5;" + b"x" * 100_000)
            await asyncio.sleep(0.05)
            writer.write(b"x" * 100_000)
            assert (await reader.readline()).startswith(b"HTTP/1.1 400 ")
            writer.close()
            trailers = b"".join(b"x%d: y\r\n" % number for number in range(10_000))
            assert b" 431 " in await here.talk(head + b"0\r\n" + trailers + b"\r\n")

    run(main)


def test_trailers_do_not_become_headers(run: Any) -> None:
    async def main() -> None:
        headers: list[tuple[bytes, bytes]] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while (await receive())["more_body"]:
                pass
            headers.extend(scope["headers"])
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"0")]})
            await send({"type": "http.response.body"})

        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
        async with served() as here:
            listener = here.server._listeners[0]
            listener.config.loaded_app = app
            await here.talk(head + b"2\r\nok\r\n0\r\nLightstep-Access-Token: other\r\n\r\n")
            assert b"lightstep-access-token" not in dict(headers)

    run(main)


def test_headers_that_never_come_to_an_end(run: Any) -> None:
    async def main() -> None:
        async with served(head_seconds=0.0) as here:
            assert await here.talk(b"GET / HTT") == b""

    run(main)


def test_silence_between_requests_and_within_a_body(run: Any) -> None:
    async def main() -> None:
        async with served(idle_seconds=0.0) as here:
            assert (await here.talk(REQUEST)).endswith(b"hello")
            assert await here.talk(REQUEST[:-2]) == b""
            await here.echo.left.wait()

    run(main)


def test_a_body_that_drips_behind_its_answer_ends(run: Any) -> None:
    async def early(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 403, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body"})

    async def main() -> None:
        async with served(app=early, slow_seconds=0.01) as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(REQUEST[:-2])
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            assert (await here.traps.get())[0] == "slow_body"
            writer.close()

    run(main)


def test_a_body_that_was_refused_is_not_refused_again_at_the_end(
    run: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n"
        async with served() as here:
            _, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            writer.write(head + b"x: y\r\n" * 100_000)
            async with asyncio.timeout(60):
                await here.echo.left.wait()
            writer.close()

    run(main)
    assert "Traceback" not in caplog.text


def test_while_it_waits_to_be_refused_a_body_is_not_read(run: Any) -> None:
    """Whoever is put off holds a socket's worth of memory, not a body's; after the answer the connection goes on."""
    held, gate = asyncio.Queue[int](), asyncio.Event()

    async def refuse(scope: Any, receive: Any, send: Any) -> None:
        if scope["path"] == "/large":
            held.put_nowait(scope["extensions"][HOLD]())
            await gate.wait()
            held.put_nowait(scope["extensions"][HOLD]())
        await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
        await send({"type": "http.response.body", "body": b""})

    async def main() -> None:
        async with served(app=refuse) as here:
            reader, writer = await asyncio.open_connection("127.0.0.1", here.plain)
            size = 32 * 2**20
            writer.write(b"POST /large HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % size)
            writer.write(bytes(size))
            writer.write(closing(b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"))
            first = await held.get()
            for _ in range(5):
                await here.talk(closing(b"GET /other HTTP/1.1\r\nHost: here\r\n\r\n"))
            gate.set()
            assert await held.get() == first < size
            assert (await reader.read()).count(b"HTTP/1.1 503") == 2
            writer.close()

    run(main)


def test_a_body_larger_than_what_uvicorn_buffers(run: Any) -> None:
    async def main() -> None:
        body = gzip.compress(bytes(range(256)) * 4000, 0)
        head = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
        async with served() as here:
            for tls in (False, True):
                assert (await here.talk(head + body, tls=tls)).endswith(body)

    run(main)


class Writes:
    """A transport that keeps what is written to it."""

    def __init__(self) -> None:
        self.all: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        self.all.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


def test_a_head_goes_out_with_what_follows_it_at_once() -> None:
    head, large = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", bytes(100_000)

    async def written(*pieces: bytes | None, close: bool = False) -> list[bytes]:
        transport: Any = Writes()
        answer = _Answer(transport)
        for piece in pieces:
            if piece is None:
                await asyncio.sleep(0)
            else:
                answer.write(piece)
        if close:
            answer.close()
        return [*transport.all]

    assert asyncio.run(written(head, b"hello")) == [head + b"hello"]
    assert asyncio.run(written(head, b"he", b"llo")) == [head + b"he", b"llo"]
    assert asyncio.run(written(head, b"")) == [head]
    assert asyncio.run(written(head, None)) == [head], "a body that is yet to come does not hold it up"
    assert asyncio.run(written(head, None, b"hello")) == [head, b"hello"]
    assert asyncio.run(written(head, close=True)) == [head]
    assert asyncio.run(written(head, large)) == [head, large]
    assert asyncio.run(written(b"HTTP/1.1 100 Continue\r\n\r\n", None, head, b"hello"))[1:] == [
        head + b"hello"
    ]
