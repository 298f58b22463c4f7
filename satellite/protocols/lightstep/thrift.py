"""LightStep's Thrift call `ReportingService.Report`: TBinaryProtocol from Python and old Go, TJSON from old browsers.

`POST /_rpc/v1/reports/binary` and `POST /_rpc/v1/reports/json`; what a report means is in `crouton`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from satellite.errors import BadReport, SatelliteError
from satellite.model.report import Decoded, Receipt, Report
from satellite.protocols.lightstep import crouton
from satellite.protocols.readers import thrift, tjson
from satellite.protocols.readers.thrift import Message
from satellite.protocols.refused import is_final, status_of, text_reply
from satellite.protocols.rows import Rows, decode_rows
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "lightstep_thrift"
METHOD = "Report"
THRIFT = "application/x-thrift"
JSON = "application/json"

_SPANS_IN_TJSON = (4, "2", "rec", "3", "lst")
"""Where a call has its spans: the struct of arguments, `request`, `span_records`."""

_UNKNOWN_CALL = Message(METHOD, thrift.CALL, 0)
"""What is answered when the request's own envelope could not be read."""


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport per body (TBinaryProtocol), and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _report(body, rows, received_ns, _read_binary))


def decode_json(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """As `decode`, for TJSON."""
    return decode_rows(bodies, lambda body, rows: _report(body, rows, received_ns, _read_json))


def _read_binary(body: bytes) -> tuple[Message, Callable[[], dict[str, Any]]]:
    message, at = thrift.read_message(body)
    return message, lambda: thrift.read_struct(body, crouton.ARGUMENTS, at)


def _read_json(body: bytes) -> tuple[Message, Callable[[], dict[str, Any]]]:
    rest, spans = tjson.cut_structs(body, _SPANS_IN_TJSON, crouton.SPAN_RECORD)
    message, content = tjson.read_message(rest)

    def arguments() -> dict[str, Any]:
        found = tjson.read_struct(content, crouton.ARGUMENTS)
        if spans is not None and "request" in found:
            found["request"]["span_records"] = spans
        return found

    return message, arguments


def _report(
    body: bytes,
    rows: Rows,
    received_ns: int,
    read: Callable[[bytes], tuple[Message, Callable[[], dict[str, Any]]]],
) -> Report:
    """Add the spans of one body; a refusal's details have the call, once that is known."""
    call = None
    try:
        call, arguments = read(body)
        if call.type not in (thrift.CALL, thrift.ONEWAY):
            raise BadReport(f"not a Thrift call: a message of type {call.type}")
        if call.name != METHOD:
            raise BadReport("there is no such method; the one here is Report")
        found = arguments()
        token = found.get("auth", {}).get("access_token", "")
        if "request" not in found:
            raise BadReport("a call of Report without its request")
        return crouton.read(found["request"], rows, received_ns, protocol=NAME, token=token, echo=call)
    except SatelliteError as refusal:
        refusal.details["call"] = call
        raise
    except RecursionError as error:
        raise BadReport("JSON is nested too deeply", call=call) from error


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """A ReportResponse under the call's name and sequence id; an exception where the bytes were no such call.

    Plain text for «try later»: Python keeps spans whose answer is not 200, or no Thrift.
    """
    refusal = receipt.refusal
    if refusal is not None and not is_final(refusal):
        return text_reply(refusal)
    call = _call(receipt)
    exception = _exception(receipt, call)
    if exception is not None:
        return Reply(status_of(refusal), THRIFT, thrift.write_exception(call, *exception))
    content = thrift.write_struct(_result(receipt), crouton.RESULT)
    return Reply(status_of(refusal), THRIFT, thrift.write_message(call._replace(type=thrift.REPLY), content))


def encode_json(receipt: Receipt, _head: RequestHead) -> Reply:
    """As `encode`, in TJSON."""
    refusal = receipt.refusal
    if refusal is not None and not is_final(refusal):
        return text_reply(refusal)
    call = _call(receipt)
    exception = _exception(receipt, call)
    if exception is not None:
        return Reply(status_of(refusal), JSON, tjson.write_exception(call, *exception))
    reply = tjson.write_message(call._replace(type=thrift.REPLY), _result(receipt), crouton.RESULT)
    return Reply(status_of(refusal), JSON, reply)


def _result(receipt: Receipt) -> dict[str, Any]:
    """What the call returns: a ReportResponse without empty lists, as the tracers' own library writes it."""
    answer = crouton.response(receipt)
    answer["commands"] = [
        command for command in answer["commands"] if "disable" in command
    ]  # it has no other
    return {"success": {name: value for name, value in answer.items() if value}}


def _call(receipt: Receipt) -> Message:
    """The call that is answered, as far as it is known."""
    call = receipt.echo or (receipt.refusal.details.get("call") if receipt.refusal else None)
    return call if isinstance(call, Message) else _UNKNOWN_CALL


def _exception(receipt: Receipt, call: Message) -> tuple[str, int] | None:
    """(text, type) of a TApplicationException: for what was never a call of Report with its arguments."""
    refusal = receipt.refusal
    if refusal is None or receipt.echo is not None:
        return None
    if call.type not in (thrift.CALL, thrift.ONEWAY):
        kind = thrift.INVALID_MESSAGE_TYPE
    else:
        kind = thrift.PROTOCOL_ERROR if call.name == METHOD else thrift.UNKNOWN_METHOD
    return crouton.refusal_text(refusal), kind


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/_rpc/v1/reports/binary"),),
    grpc_methods=(),
    content_types=(THRIFT, "application/vnd.apache.thrift.binary", "application/octet-stream"),
    decode=decode,
    encode=encode,
)

JSON_PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/_rpc/v1/reports/json"),),
    grpc_methods=(),
    content_types=(JSON, "application/vnd.apache.thrift.json", THRIFT, "text/plain"),
    decode=decode_json,
    encode=encode_json,
)
