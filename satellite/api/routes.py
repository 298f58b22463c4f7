"""Routes: the endpoints of one resource, and the structs that they answer with.

FastAPI makes the OpenAPI document of them (`document`). It could serve them, too, but looks at each field of each model anew for
every request, which takes longer than all else that a small question costs the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from inspect import iscoroutinefunction
from typing import Any, TypeVar, get_type_hints

import msgspec
from pydantic import BaseModel, TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from satellite import errors
from satellite.api import ROOT
from satellite.api.presence import LEFT, while_there
from satellite.api.workers import Workers
from satellite.errors import BadRequest
from satellite.model.tag import json_form
from satellite.query import parse

BODY_BYTES_MAX = 1 << 20
"""Of a request to this API; spans come in by other ports."""

Struct = TypeVar("Struct", bound=msgspec.Struct)
Function = TypeVar("Function", bound=Callable[..., Any])

_ENCODER = msgspec.json.Encoder(enc_hook=json_form)

_QUERIES = ("query", "filter", "overlay")
"""Parameters that hold a query; whose answer tells what is odd about it."""


@dataclass(frozen=True)
class Endpoint:
    """A function that answers requests of one method to one path.

    It is given what it has parameters for: those of the path by their names, the query string as the model that `asked` is
    annotated with, `request` itself. A worker runs it unless it is a coroutine.
    """

    method: str
    path: str
    """Below ROOT."""
    function: Callable[..., Any]
    described: dict[str, Any]
    """What the OpenAPI document says beside, in FastAPI's words."""
    at_once: Callable[..., Response | None] | None = None
    """Given the same, answers in the event loop what takes no longer there than to begin a thread; None: the function does."""

    def route(self, workers: Workers) -> Route:
        """What serves it."""
        is_coroutine = iscoroutinefunction(self.function)

        async def answer(request: Request) -> Response:
            arguments = self._arguments(request)
            if self.at_once is not None and (found := self.at_once(**arguments)) is not None:
                return found
            if is_coroutine:
                answered = self.function(**arguments)
            else:
                project, queries = str(arguments.get("project", "")), _queries(arguments.get("asked"))
                answered = workers.answer(project, lambda: with_notes(self.function(**arguments), *queries))
            if self.method == "GET":  # it is answered as long as who asked is there
                answered = while_there(request, answered)
            return await answered or Response(status_code=LEFT)

        route = Route(ROOT + self.path, answer)
        route.methods = {self.method}  # without HEAD
        return route

    def _arguments(self, request: Request) -> dict[str, Any]:
        """Those of the function. Raises BadRequest, which names the parameter that is wrong."""
        in_path, asked, takes_request = self._parameters
        found: dict[str, Any] = {"request": request} if takes_request else {}
        name = ""
        try:
            for name, kind in in_path.items():
                found[name] = kind.validate_python(request.path_params[name])
            name = "query"
            if asked is not None:
                asks = request.query_params
                given = dict(asks)
                if len(given) < len(asks.multi_items()):
                    raise _given_twice(asks)
                found["asked"] = asked.model_validate(given)
        except ValidationError as error:
            raise _refusal(error.errors()[0], name, {} if asked is None else asked.model_fields) from None
        return found

    @cached_property
    def _parameters(self) -> tuple[dict[str, TypeAdapter[Any]], type[BaseModel] | None, bool]:
        """(what reads each parameter of the path, the model of the query string, whether it wants the request)."""
        kinds = get_type_hints(self.function, include_extras=True)
        kinds.pop("return")
        asked = kinds.pop("asked", None)
        takes_request = kinds.pop("request", None) is not None
        return {name: TypeAdapter(kind) for name, kind in kinds.items()}, asked, takes_request


def _given_twice(given: QueryParams) -> BadRequest:
    names = [name for name, _ in given.multi_items()]
    name = next(name for name in names if names.count(name) > 1)
    return BadRequest(
        f"{name} is given more than once",
        hint="give it once; terms of a query are joined by AND",
        parameter=name,
    )


def _refusal(problem: ErrorDetails, name: str, fields: Mapping[str, FieldInfo]) -> BadRequest:
    """What is wrong with a parameter: one of those of the query string, or the one of the path that has this name."""
    wrong = str((problem["loc"] or (name,))[-1])
    if problem["type"] == "extra_forbidden":
        hint = f"those there are: {', '.join(fields)}"
        return BadRequest(f"there is no parameter {wrong}", hint=hint, parameter=wrong)
    field = fields.get(wrong)
    return BadRequest(f"{wrong}: {problem['msg']}", hint=field and field.description, parameter=wrong)


def _queries(asked: Any) -> list[str]:
    return [] if asked is None else [text for name, text in asked if text and name in _QUERIES]


class Routes:
    """Endpoints below ROOT. Plain functions run in the workers for questions."""

    workers: Workers
    """Set by whoever puts the API together."""

    def __init__(self) -> None:
        self.endpoints: list[Endpoint] = []
        self.structs: list[type[msgspec.Struct]] = []
        """What they answer with and take, for the OpenAPI document."""

    def get(
        self,
        path: str,
        answer: type[msgspec.Struct],
        *,
        at_once: Callable[..., Response | None] | None = None,
    ) -> Callable[[Function], Function]:
        """Declare a GET that answers with such a struct; `at_once`: see Endpoint."""
        return self._answering("GET", path, answer, at_once=at_once)

    def post(
        self,
        path: str,
        answer: type[msgspec.Struct],
        *,
        takes: type[msgspec.Struct] | None = None,
        fails: dict[int, str] | None = None,
        at_once: Callable[..., Response | None] | None = None,
    ) -> Callable[[Function], Function]:
        """Declare a POST; `takes`: the struct of its body; `fails`: what other statuses mean; `at_once`: see Endpoint."""
        return self._answering("POST", path, answer, takes, fails, at_once)

    def put(
        self, path: str, answer: type[msgspec.Struct], *, takes: type[msgspec.Struct]
    ) -> Callable[[Function], Function]:
        """Declare a PUT; `takes`: the struct of its body."""
        return self._answering("PUT", path, answer, takes)

    def other(self, method: str, path: str, *, status: int = 200) -> Callable[[Function], Function]:
        """Declare an endpoint whose answer is no struct: a file, a stream, nothing."""
        return self._declare(method, path, {"status_code": status})

    def _answering(
        self,
        method: str,
        path: str,
        answer: type[msgspec.Struct],
        takes: type[msgspec.Struct] | None = None,
        fails: dict[int, str] | None = None,
        at_once: Callable[..., Response | None] | None = None,
    ) -> Callable[[Function], Function]:
        self.structs += [answer] if takes is None else [answer, takes]
        responses: dict[int | str, dict[str, Any]] = {200: {"description": "OK", "content": content(answer)}}
        for status, meaning in (fails or {}).items():
            error = {"application/json": {"schema": {"$ref": "#/components/schemas/ErrorAnswer"}}}
            responses[status] = {"description": meaning, "content": error}
        extra = None if takes is None else {"requestBody": {"content": content(takes)}}
        return self._declare(method, path, {"responses": responses, "openapi_extra": extra}, at_once)

    def _declare(
        self,
        method: str,
        path: str,
        described: dict[str, Any],
        at_once: Callable[..., Response | None] | None = None,
    ) -> Callable[[Function], Function]:
        def declare(function: Function) -> Function:
            self.endpoints.append(Endpoint(method, path, function, described, at_once))
            return function

        return declare


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
