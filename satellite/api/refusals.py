"""Every error in the one shape, those of Starlette and FastAPI too."""

from __future__ import annotations

from typing import Any

import msgspec
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic.fields import FieldInfo
from starlette.exceptions import HTTPException

from satellite import errors
from satellite.api import ROOT
from satellite.errors import BadRequest, SatelliteError

_ENCODER = msgspec.json.Encoder()


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. More fields say where (`line`, `column`, `parameter`) or what was seen (`explanation`)."""

    code: str
    message: str
    hint: str | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: ErrorBody


def _refusal(error: SatelliteError, headers: Any = None) -> Response:
    body = _ENCODER.encode(error.as_json())
    return Response(body, error.http_status, headers=headers, media_type="application/json")


def _parameters(route: APIRoute) -> dict[str, FieldInfo]:
    """Of the query string, as this endpoint takes them."""
    models: list[Any] = [one.field_info.annotation for one in route.dependant.query_params]
    return {name: field for model in models for name, field in model.model_fields.items()}


def handle_errors(api: FastAPI) -> None:
    """Every error in the one shape, those of Starlette and FastAPI too; coroutines, which need no thread."""

    @api.exception_handler(SatelliteError)
    async def ours(_: Request, error: SatelliteError) -> Response:
        headers = {"retry-after": "1"} if isinstance(error, errors.Overloaded) else None
        return _refusal(error, headers)

    @api.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        first = error.errors()[0]
        name = str(first["loc"][-1])
        hint: str | None
        if first["type"] == "extra_forbidden":
            message = f"there is no parameter {name}"
            hint = f"those there are: {', '.join(_parameters(request.scope['route']))}"
        else:
            message = f"{name}: {first['msg']}"
            field = _parameters(request.scope["route"]).get(name)
            hint = None if field is None else field.description
        return _refusal(BadRequest(message, hint=hint, parameter=name))

    @api.exception_handler(HTTPException)
    async def routing(request: Request, error: HTTPException) -> Response:
        what = f"{request.method} {request.url.path}"
        known = {
            404: ("not_found", f"no such endpoint: {what}"),
            405: ("method_not_allowed", f"not allowed: {what}"),
        }
        code, message = known.get(error.status_code, ("error", str(error.detail)))
        body = {"error": {"code": code, "message": message, "hint": f"see {ROOT}/openapi.json"}}
        return Response(_ENCODER.encode(body), error.status_code, error.headers, "application/json")

    @api.exception_handler(Exception)
    async def unforeseen(_: Request, __: Exception) -> Response:
        # The server logs the exception; what it holds is not for whoever asked.
        return _refusal(SatelliteError("the satellite failed to answer", hint="its log says why"))
