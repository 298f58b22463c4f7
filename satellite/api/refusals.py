"""Every error in the one shape, those of Starlette too."""

from __future__ import annotations

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from satellite import errors
from satellite.api import ROOT
from satellite.errors import SatelliteError

_ENCODER = msgspec.json.Encoder()


class ErrorBody(msgspec.Struct, frozen=True):
    """What went wrong. More fields say where (`line`, `column`, `parameter`) or what was seen (`explanation`)."""

    code: str
    message: str
    hint: str | None


class ErrorAnswer(msgspec.Struct, frozen=True):
    """The one shape of every error."""

    error: ErrorBody


def refusal(error: SatelliteError) -> Response:
    """The answer to what is refused; of the error no more than that is kept."""
    headers = {"retry-after": "1"} if isinstance(error, errors.Overloaded) else None
    body = _ENCODER.encode(error.bare().as_json())
    return Response(body, error.http_status, headers=headers, media_type="application/json")


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, SatelliteError)
    return refusal(error)


async def _routing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    what = f"{request.method} {request.url.path}"
    known = {
        404: ("not_found", f"no such endpoint: {what}"),
        405: ("method_not_allowed", f"not allowed: {what}"),
    }
    code, message = known.get(error.status_code, ("error", str(error.detail)))
    body = {"error": {"code": code, "message": message, "hint": f"see {ROOT}/openapi.json"}}
    return Response(_ENCODER.encode(body), error.status_code, error.headers, "application/json")


def failure() -> Response:
    """The answer where the satellite failed. The server logs the exception; what it holds is not for whoever asked."""
    return refusal(SatelliteError("the satellite failed to answer", hint="its log says why"))


async def _unforeseen(_: Request, __: Exception) -> Response:
    return failure()


HANDLERS = {SatelliteError: _ours, HTTPException: _routing, Exception: _unforeseen}
"""Every error in the one shape, those of Starlette too; coroutines, which need no thread."""
