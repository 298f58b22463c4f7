"""The gRPC service `satellite.explorer.v1.Explorer`: the API's questions about a project, for callers with one port and one CA.

A method is an endpoint in another form: its request's fields are the endpoint's parameters, its answer has the fields
of the endpoint's answer. protos/explorer.proto is written from METHODS and the OpenAPI document (protos/service.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NoReturn, Protocol
from urllib.parse import quote, unquote, urlencode

import grpc
import msgspec
from google.protobuf import json_format
from google.protobuf.message import Message

from satellite.api import ROOT
from satellite.errors import BadRequest, SatelliteError
from satellite.pb import explorer_pb2

if TYPE_CHECKING:
    from starlette.types import ASGIApp

SERVICE = "satellite.explorer.v1.Explorer"
ERROR_TRAILER = "satellite-error-bin"
"""The error as the API's JSON, with what a status has no room for."""


@dataclass(frozen=True, slots=True)
class Method:
    """One method and its endpoint."""

    name: str
    verb: str
    path: str
    """Below ROOT."""
    answers: Literal["json", "file", "nothing", "stream"] = "json"
    takes_file: bool = False
    """The request's `content` is the body."""


_P = "/projects/{project}"

METHODS = (
    Method("Projects", "GET", "/projects"),
    Method("CreateProject", "POST", "/projects"),
    Method("Project", "GET", _P),
    Method("Services", "GET", f"{_P}/services"),
    Method("Service", "GET", f"{_P}/services/{{name}}"),
    Method("Suggest", "GET", f"{_P}/suggest"),
    Method("Spans", "GET", f"{_P}/spans"),
    Method("Explain", "GET", f"{_P}/explain"),
    Method("Checks", "GET", f"{_P}/checks"),
    Method("Histogram", "GET", f"{_P}/histogram"),
    Method("HeatMap", "GET", f"{_P}/heatmap"),
    Method("Groups", "GET", f"{_P}/groups"),
    Method("Correlations", "GET", f"{_P}/correlations"),
    Method("Diagram", "GET", f"{_P}/diagram"),
    Method("DrawDiagram", "GET", f"{_P}/diagram", "file"),
    Method("Traces", "GET", f"{_P}/traces"),
    Method("Trace", "GET", f"{_P}/traces/{{trace_id}}"),
    Method("TraceTree", "GET", f"{_P}/traces/{{trace_id}}/tree"),
    Method("CriticalPath", "GET", f"{_P}/traces/{{trace_id}}/critical-path"),
    Method("TracePage", "GET", f"{_P}/traces/{{trace_id}}/html", "file"),
    Method("Span", "GET", f"{_P}/traces/{{trace_id}}/spans/{{span_id}}"),
    Method("Run", "POST", f"{_P}/snapshots"),
    Method("Snapshots", "GET", f"{_P}/snapshots"),
    Method("Snapshot", "GET", f"{_P}/snapshots/{{identifier}}"),
    Method("ChangeSnapshot", "POST", f"{_P}/snapshots/{{identifier}}"),
    Method("DeleteSnapshot", "DELETE", f"{_P}/snapshots/{{identifier}}", "nothing"),
    Method("CompareSnapshots", "GET", f"{_P}/snapshots/{{identifier}}/compare/{{other}}"),
    Method("ExportSnapshot", "GET", f"{_P}/snapshots/{{identifier}}/file", "file"),
    Method("ImportSnapshot", "POST", f"{_P}/import-snapshot", takes_file=True),
    Method("CreateStream", "POST", f"{_P}/streams"),
    Method("Streams", "GET", f"{_P}/streams"),
    Method("StreamSeries", "GET", f"{_P}/streams/{{identifier}}/series"),
    Method("DeleteStream", "DELETE", f"{_P}/streams/{{identifier}}", "nothing"),
    Method("Tail", "GET", f"{_P}/tail", "stream"),
    Method("Mark", "POST", f"{_P}/mark"),
    Method("Expect", "POST", f"{_P}/expect"),
    Method("Fence", "POST", f"{_P}/fence"),
    Method("Requests", "GET", f"{_P}/requests"),
    Method("Request", "GET", f"{_P}/requests/{{number}}"),
    Method("RequestBody", "GET", f"{_P}/requests/{{number}}/body", "file"),
    Method("DecodeRequest", "GET", f"{_P}/requests/{{number}}/decoded"),
    Method("StrangeRequests", "GET", "/requests"),
    Method("StrangeRequest", "GET", "/requests/{number}"),
    Method("StrangeRequestBody", "GET", "/requests/{number}/body", "file"),
    Method("DecodeStrangeRequest", "GET", "/requests/{number}/decoded"),
    Method("Reporters", "GET", f"{_P}/reporters"),
    Method("AddFault", "POST", f"{_P}/faults"),
    Method("Faults", "GET", f"{_P}/faults"),
    Method("RemoveFault", "DELETE", f"{_P}/faults/{{fault_id}}", "nothing"),
    Method("RemoveFaults", "DELETE", f"{_P}/faults", "nothing"),
    Method("Export", "GET", f"{_P}/export", "file"),
    Method("Import", "POST", f"{_P}/import", takes_file=True),
    Method("Reset", "POST", f"{_P}/reset"),
    Method("Drop", "DELETE", _P, "nothing"),
)


class Server(Protocol):
    """What generated code registers services with."""

    def add_registered_method_handlers(self, service: str, handlers: Any) -> None:
        """Serve a service's methods."""
        ...


def add_explorer(server: Server, api: ASGIApp) -> None:
    """Serve the methods, answered by the application that answers `/api/v1`."""
    descriptor = explorer_pb2.DESCRIPTOR.services_by_name["Explorer"]
    handlers: dict[str, grpc.RpcMethodHandler[Any, Any]] = {}
    for method in METHODS:
        kinds = descriptor.methods_by_name[method.name]
        request, answer = (getattr(explorer_pb2, one.name) for one in (kinds.input_type, kinds.output_type))
        make = (
            grpc.unary_stream_rpc_method_handler
            if method.answers == "stream"
            else grpc.unary_unary_rpc_method_handler
        )
        handlers[method.name] = make(
            partial(_answer, api, method, answer),
            request_deserializer=request.FromString,
            response_serializer=answer.SerializeToString,
        )
    server.add_registered_method_handlers(SERVICE, handlers)


async def _answer(
    api: ASGIApp, method: Method, answer: type[Message], request: Message, context: Any
) -> Message | None:
    reply = _Reply(method, answer, context.write)
    try:
        asked = _Request(method, request)
    except BadRequest as error:
        await _refuse(context, msgspec.json.encode(error.as_json()))
    await api(asked.scope(), asked.receive, reply.send)
    if reply.status >= 400:
        await _refuse(context, bytes(reply.body))
    return None if method.answers == "stream" else reply.message()


class _Request:
    """A request message as the endpoint takes it."""

    def __init__(self, method: Method, request: Message) -> None:
        fields = {field.name: value for field, value in request.ListFields()}
        self._verb, self._body = method.verb, b""
        if method.takes_file:
            self._body = fields.pop("content", b"")
        path = method.path
        for name in [name for name in request.DESCRIPTOR.fields_by_name if f"{{{name}}}" in path]:
            value = str(fields.pop(name, ""))
            if not value or "/" in value:
                raise BadRequest(f'{name}: must be given, without a "/"', parameter=name)
            path = path.replace(f"{{{name}}}", quote(value, safe=""))
        if method.verb == "POST" and not method.takes_file:
            given = json_format.MessageToDict(request, preserving_proto_field_name=True)
            self._body = msgspec.json.encode(_numbers(request, given, fields))
            fields = {}
        query = {name: _text(value) for name, value in fields.items()}
        if method.answers == "stream":
            query["format"] = "sse"
        self._path, self._query = f"{ROOT}{path}", urlencode(query)
        self._sent = False

    def scope(self) -> dict[str, Any]:
        """As ASGI has it."""
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "2",
            "method": self._verb,
            "scheme": "http",
            "path": unquote(self._path),
            "raw_path": self._path.encode(),
            "query_string": self._query.encode(),
            "root_path": "",
            "headers": [(b"host", b"grpc"), (b"content-type", b"application/json")],
            "client": None,
            "server": None,
        }

    async def receive(self) -> dict[str, Any]:
        """The body; then nothing: who leaves ends the call's task."""
        if self._sent:
            await asyncio.Event().wait()
        self._sent = True
        return {"type": "http.request", "body": self._body, "more_body": False}


def _numbers(request: Message, given: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    """The body's fields; protobuf's JSON writes 64-bit numbers as text, ours as numbers."""
    names = request.DESCRIPTOR.fields_by_name
    found: dict[str, Any] = {}
    for name, value in fields.items():
        field = names[name]
        if field.message_type is None:
            found[name] = list(value) if field.is_repeated else value
        elif field.message_type.full_name.startswith("google."):
            found[name] = given[name]
        else:
            inner = {one.name: part for one, part in value.ListFields()}
            found[name] = _numbers(value, given[name], inner)
    return found


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class _Reply:
    """Collects what the endpoint sends; of a stream writes each piece of news as it comes."""

    def __init__(
        self, method: Method, answer: type[Message], write: Callable[[Message], Awaitable[None]]
    ) -> None:
        self.status = 500
        self.body = bytearray()
        self._method, self._answer, self._write = method, answer, write
        self._media_type = ""

    async def send(self, event: Any) -> None:
        """As ASGI has it."""
        if event["type"] == "http.response.start":
            self.status = event["status"]
            self._media_type = dict(event["headers"]).get(b"content-type", b"").decode("latin-1")
            return
        self.body += event.get("body", b"")
        if self._method.answers == "stream" and self.status < 400:
            while (end := self.body.find(b"\n")) >= 0:
                line = bytes(self.body[:end])
                del self.body[: end + 1]
                if line.startswith(b"data:"):
                    await self._write(self._parsed(line[5:]))

    def message(self) -> Message:
        """The whole answer."""
        if self._method.answers == "nothing":
            return self._answer()
        if self._method.answers == "file":
            return self._answer(content=bytes(self.body), media_type=self._media_type)
        return self._parsed(bytes(self.body))

    def _parsed(self, body: bytes) -> Message:
        return json_format.Parse(body, self._answer(), ignore_unknown_fields=True)


def _statuses() -> dict[str, str]:
    """The gRPC status of each error's code."""
    kinds = [SatelliteError]
    for kind in kinds:
        kinds += kind.__subclasses__()
    return {kind.code: kind.grpc_status for kind in kinds}


async def _refuse(context: Any, body: bytes) -> NoReturn:
    try:
        error = msgspec.json.decode(body)["error"]
        code, message, hint = error["code"], error["message"], error.get("hint")
    except (msgspec.MsgspecError, KeyError, TypeError):
        code, message, hint = "error", "the satellite failed; see its log", None
    status = getattr(grpc.StatusCode, _statuses().get(code, "INTERNAL"))
    details = f"{message} ({hint})" if hint else message
    await context.abort(status, details, ((ERROR_TRAILER, body[:4096]),))
    raise AssertionError  # abort raises; its annotation does not say so in all versions
