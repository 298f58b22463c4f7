"""How a request gets to a satellite, and what awaits the reply: an event loop, or the thread that asked.

Each question is written once, as a coroutine of `async_client`. Over a BlockingConnection nothing in it ever suspends, so that
`Client`, `Spans` and their like run the same coroutine to its end (`finish`).
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, nullcontext
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

import httpx

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.calls import Call
from mock_lightstep_satellite.errors import is_told

T = TypeVar("T")
P = ParamSpec("P")

__tracebackhide__ = is_told


def untraced() -> AbstractContextManager[None]:
    """A block whose requests are no spans of the program under test, where OpenTelemetry instruments httpx in this process."""
    instrumentation: Any = sys.modules.get("opentelemetry.instrumentation.utils")
    return nullcontext() if instrumentation is None else instrumentation.suppress_instrumentation()


class Connection(Protocol):
    """To one satellite; raises httpx.HTTPError."""

    async def reply(self, call: Call[Any]) -> httpx.Response:
        """The whole reply."""
        ...

    def pieces(self, call: Call[Any]) -> AsyncGenerator[bytes, None]:
        """The reply as it comes; raises what it says when it is an error."""
        ...

    async def aside(self, work: Callable[[], T]) -> T:
        """What work that blocks returns, in nobody's way."""
        ...

    async def close(self) -> None: ...


class AwaitedConnection:
    """For an event loop."""

    def __init__(self, url: str, transport: httpx.AsyncBaseTransport | None) -> None:
        self._http = httpx.AsyncClient(**calls.options(url, transport))

    async def reply(self, call: Call[Any]) -> httpx.Response:
        with untraced():
            return await self._http.request(call.method, call.path, **calls.content(call))

    async def pieces(self, call: Call[Any]) -> AsyncGenerator[bytes, None]:
        request = self._http.build_request(call.method, call.path, **calls.content(call))
        with untraced():
            reply = await self._http.send(request, stream=True)
        try:
            if not (reply.is_success and calls.is_satellite(reply)):
                await reply.aread()
                calls.read(call, reply)
            async for piece in reply.aiter_bytes():
                yield piece
        finally:
            await reply.aclose()

    async def aside(self, work: Callable[[], T]) -> T:
        return await asyncio.to_thread(work)

    async def close(self) -> None:
        await self._http.aclose()


class BlockingConnection:
    """For a thread that waits for each reply."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None) -> None:
        self._http = httpx.Client(**calls.options(url, transport))

    async def reply(self, call: Call[Any]) -> httpx.Response:
        with untraced():
            return self._http.request(call.method, call.path, **calls.content(call))

    async def pieces(self, call: Call[Any]) -> AsyncGenerator[bytes, None]:
        request = self._http.build_request(call.method, call.path, **calls.content(call))
        with untraced():
            reply = self._http.send(request, stream=True)
        try:
            if not (reply.is_success and calls.is_satellite(reply)):
                reply.read()
                calls.read(call, reply)
            for piece in reply.iter_bytes():
                yield piece
        finally:
            reply.close()

    async def aside(self, work: Callable[[], T]) -> T:
        return work()

    async def close(self) -> None:
        self._http.close()


def finish(question: Coroutine[Any, Any, T]) -> T:
    """What a question over a BlockingConnection returns."""
    try:
        question.send(None)
    except StopIteration as end:
        answer: T = end.value
        return answer
    question.close()
    raise RuntimeError("a question over a blocking connection awaited something else")


# A method that awaits, as one that blocks: signature and docstring stay. Its object has the one that awaits as `_awaited`.


def blocking(
    question: Callable[Concatenate[Any, P], Coroutine[Any, Any, T]],
) -> Callable[Concatenate[Any, P], T]:
    """One that returns an answer."""

    @wraps(question)
    def asked(self: Any, /, *args: P.args, **named: P.kwargs) -> T:
        return finish(question(self._awaited, *args, **named))

    return asked


def blocking_iterator(
    question: Callable[Concatenate[Any, P], AsyncIterator[T]],
) -> Callable[Concatenate[Any, P], Iterator[T]]:
    """One that gives one thing after the other."""

    @wraps(question)
    def asked(self: Any, /, *args: P.args, **named: P.kwargs) -> Iterator[T]:
        found: Any = question(self._awaited, *args, **named)
        try:
            while True:
                try:
                    one: T = finish(anext(found))
                except StopAsyncIteration:
                    return
                yield one
        finally:
            finish(found.aclose())

    return asked


def blocking_context(
    question: Callable[Concatenate[Any, P], AbstractAsyncContextManager[T]],
) -> Callable[Concatenate[Any, P], AbstractContextManager[T]]:
    """One for a `with` statement."""

    @wraps(question)
    @contextmanager
    def asked(self: Any, /, *args: P.args, **named: P.kwargs) -> Iterator[T]:
        block: Any = question(self._awaited, *args, **named)
        value: T = finish(block.__aenter__())
        try:
            yield value
        except BaseException as error:
            if not finish(block.__aexit__(type(error), error, error.__traceback__)):
                raise
        else:
            finish(block.__aexit__(None, None, None))

    return asked
