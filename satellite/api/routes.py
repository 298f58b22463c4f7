"""Routes: the endpoints of one resource, and the structs that they answer with."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from functools import partial, wraps
from inspect import iscoroutinefunction
from time import monotonic
from typing import Any, TypeVar

import msgspec
from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request, Response
from fastapi.routing import APIRoute
from starlette.responses import StreamingResponse

from satellite import errors
from satellite.api import ROOT
from satellite.api.presence import LEFT, while_there
from satellite.api.turns import Turns
from satellite.model.tag import json_form
from satellite.query import parse
from satellite.query.limit import limited

BODY_BYTES_MAX = 1 << 20
"""Of a request to this API; spans come in by other ports."""

AT_ONCE, PER_PROJECT = 4, 2
"""Questions that are answered at a time, and of one project (ours)."""

Struct = TypeVar("Struct", bound=msgspec.Struct)
Endpoint = TypeVar("Endpoint", bound=Callable[..., Any])

_ENCODER = msgspec.json.Encoder(enc_hook=json_form)


class Workers:
    """Threads for questions, and for nothing else: some at once, of one project no more than its share."""

    def __init__(self, *, seconds_max: float) -> None:
        """Args: `seconds_max` for one question, the wait for its turn apart; which may be as long once more."""
        self._seconds_max = seconds_max
        self._turns = Turns(
            "questions", per_project=PER_PROJECT, in_all=AT_ONCE, patience_seconds=seconds_max
        )
        self._threads: CapacityLimiter | None = None

    async def answer(self, project: str, question: Callable[[], Any]) -> Any:
        """What the question returns; cancelled, it leaves its turn to the next as soon as its thread has noticed.

        Raises Overloaded when its turn does not come, TookTooLong when it takes too long.
        """
        async with self._turns.turn(project):
            if self._threads is None:
                self._threads = CapacityLimiter(AT_ONCE)
            with limited(self._seconds_max, monotonic) as limit:
                begun, ended = threading.Event(), asyncio.Event()
                over = partial(asyncio.get_running_loop().call_soon_threadsafe, ended.set)

                def work() -> Any:
                    begun.set()
                    try:
                        return question()
                    finally:
                        over()

                try:
                    return await to_thread.run_sync(work, limiter=self._threads)
                except asyncio.CancelledError:
                    limit.give_up()
                    if begun.is_set():
                        await ended.wait()
                    raise


class Routes:
    """Endpoints below ROOT. Plain functions run in the workers for questions."""

    workers: Workers
    """Set by whoever puts the API together."""

    def __init__(self) -> None:
        self.router = APIRouter(prefix=ROOT, route_class=_Route)
        self.structs: list[type[msgspec.Struct]] = []
        """What they answer with and take, for the OpenAPI document."""

    def get(self, path: str, answer: type[msgspec.Struct]) -> Callable[[Endpoint], Endpoint]:
        """Declare a GET that answers with such a struct."""
        return self._route("GET", path, answer)

    def post(
        self,
        path: str,
        answer: type[msgspec.Struct],
        *,
        takes: type[msgspec.Struct] | None = None,
        fails: dict[int, str] | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a POST; `takes`: the struct of its body; `fails`: what other statuses mean."""
        return self._route("POST", path, answer, takes, fails)

    def put(
        self, path: str, answer: type[msgspec.Struct], *, takes: type[msgspec.Struct]
    ) -> Callable[[Endpoint], Endpoint]:
        """Declare a PUT; `takes`: the struct of its body."""
        return self._route("PUT", path, answer, takes)

    def other(self, method: str, path: str, *, status: int = 200) -> Callable[[Endpoint], Endpoint]:
        """Declare an endpoint whose answer is no struct: a file, a stream, nothing."""

        def declare(endpoint: Endpoint) -> Endpoint:
            self.router.add_api_route(
                path, self._in_turn(endpoint), methods=[method], status_code=status, response_class=Response
            )
            return endpoint

        return declare

    def _in_turn(self, endpoint: Callable[..., Any]) -> Callable[..., Any]:
        """The endpoint, in a worker when it is no coroutine; its time ends there, or with its project's share."""
        if iscoroutinefunction(endpoint):
            return endpoint

        @wraps(endpoint)
        async def in_turn(**arguments: Any) -> Any:
            asked = arguments.get("asked")
            queries = [text for name in _QUERIES if (text := getattr(asked, name, None))]
            return await self.workers.answer(
                str(arguments.get("project", "")), lambda: with_notes(endpoint(**arguments), *queries)
            )

        return in_turn

    def _route(
        self,
        method: str,
        path: str,
        answer: type[msgspec.Struct],
        takes: type[msgspec.Struct] | None = None,
        fails: dict[int, str] | None = None,
    ) -> Callable[[Endpoint], Endpoint]:
        self.structs += [answer] if takes is None else [answer, takes]
        responses: dict[int | str, dict[str, Any]] = {200: {"description": "OK", "content": content(answer)}}
        for status, meaning in (fails or {}).items():
            error = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
            responses[status] = {"description": meaning, "content": error}
        extra = None if takes is None else {"requestBody": {"content": content(takes)}}

        def declare(endpoint: Endpoint) -> Endpoint:
            self.router.add_api_route(
                path,
                self._in_turn(endpoint),
                methods=[method],
                response_class=Response,
                responses=responses,
                openapi_extra=extra,
            )
            return endpoint

        return declare


class _Route(APIRoute):
    """A GET is answered as long as who asked is there."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        answer = super().get_route_handler()

        async def answer_who_is_there(request: Request) -> Response:
            asked = answer(request)
            response = await (while_there(request, asked) if request.method == "GET" else asked)
            return Response(status_code=LEFT) if response is None else response

        return answer_who_is_there


_QUERIES = ("query", "filter", "overlay")
"""Parameters that hold a query; whose answer tells what is odd about it."""


def with_notes(response: Response, *queries: str) -> Response:
    """The same answer, a JSON object, with what is worth knowing of these queries as its last member `notes`."""
    is_object = not isinstance(response, StreamingResponse) and response.media_type == "application/json"
    if not is_object or response.status_code != 200:
        return response
    notes = list(dict.fromkeys(note for text in queries for note in parse(text, lenient=True).notes))
    if not notes:
        return response
    body = bytes(response.body)
    joint = b"" if body == b"{}" else b","
    return Response(
        body[:-1] + joint + b'"notes":%b}' % _ENCODER.encode(notes), media_type="application/json"
    )


def content(body: type[msgspec.Struct]) -> dict[str, Any]:
    """How the OpenAPI document refers to a struct."""
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}}


def json(answer: msgspec.Struct) -> Response:
    """200 with this struct."""
    return Response(_ENCODER.encode(answer), media_type="application/json")


def read(body: bytes, kind: type[Struct]) -> Struct:
    """The struct of a JSON body, whatever content type it claims (`curl -d` claims a form). Empty: the defaults.

    Raises:
        BadRequest: it is none.
    """
    try:
        return msgspec.json.decode(body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        fields = ", ".join(kind.__struct_fields__)
        raise errors.BadRequest(
            f"the body is not right: {error}", hint=f"a JSON object of {fields}"
        ) from error


async def content_of(request: Request, bytes_max: int, what: str) -> bytes:
    """The whole body. Raises TooLarge."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > bytes_max:
            raise errors.TooLarge(f"{what} is over {bytes_max} bytes")
    return bytes(body)
