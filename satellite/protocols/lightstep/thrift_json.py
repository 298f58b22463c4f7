"""LightStep's Thrift structs as plain JSON: `POST /api/v0/reports` from JavaScript, Ruby, PHP and Objective-C.

And the form that a browser loads as a script when its page goes: `GET /_rpc/v1/reports/uri_encoded?auth=…&report=…`.
What a report means is in `crouton`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any
from urllib.parse import parse_qsl

from satellite.errors import BadReport
from satellite.model.report import Decoded, Receipt, Report
from satellite.protocols.lightstep import crouton
from satellite.protocols.readers.compression import gunzip
from satellite.protocols.readers.json_document import clean_text, read_json
from satellite.protocols.readers.json_parts import read_members
from satellite.protocols.refused import status_of
from satellite.protocols.rows import Rows, decode_rows
from satellite.protocols.wire import Reply, RequestHead, WireProtocol

NAME = "lightstep_thrift_json"
JSON = "application/json"
JAVASCRIPT = "application/javascript"

INFLATED_BYTES_MAX = 64 * 2**20
"""Of a body that is gzip without saying so. Ours, the edge's usual limit."""

PARAMETERS_MAX = 16
"""Of a query string."""

_READ = {field.name for field in crouton.REPORT_REQUEST.values()} | {"auth"}
"""What a report without spans may say."""

_GZIP = b"\x1f\x8b"


def decode(bodies: Sequence[bytes], received_ns: int) -> Decoded:
    """One Report or BadReport (TooLarge) per body, and the spans of all good ones in one batch."""
    return decode_rows(bodies, lambda body, rows: _report(body, rows, received_ns, _read_body))


def decode_uri(queries: Sequence[bytes], received_ns: int) -> Decoded:
    """As `decode`; each body is the query string of a request."""
    return decode_rows(queries, lambda query, rows: _report(query, rows, received_ns, _read_query))


def _report(body: bytes, rows: Rows, received_ns: int, read: Callable[[bytes], tuple[bytes, str]]) -> Report:
    """Add the spans of one body."""
    text, token = read(body)
    try:
        request = read_members(text, "span_records")
        unread = _unread(request)
        with rows.of_body(len(text)):
            report = crouton.read(request, rows, received_ns, protocol=NAME, token=token)
        if unread:
            report.warnings.append(f"spans are expected in 'span_records'; {unread} was not read")
        return report
    except RecursionError as error:
        raise BadReport("JSON is nested too deeply") from error


def _unread(request: dict[str, Any]) -> str:
    """Of a report without spans a key that nobody reads, "" for none. Raises BadReport where that looks like spans:
    the answer has no place to say that they were left out.
    """
    unread = [] if "span_records" in request else sorted(request.keys() - _READ)
    if not unread:
        return ""
    shown = [repr(clean_text(key)[:40]) for key in unread]
    for key, text in zip(unread, shown, strict=True):
        if "span" in key.lower() and isinstance(request[key], list) and request[key]:
            raise BadReport(f"spans are expected in 'span_records', not in {text}")
    return shown[0]


def _read_body(body: bytes) -> tuple[bytes, str]:
    """(the request, the token: never in the body)."""
    return gunzip(body, INFLATED_BYTES_MAX) if body.startswith(_GZIP) else body, ""


def _read_query(query: bytes) -> tuple[bytes, str]:
    """(the request, the token)."""
    try:
        pairs = parse_qsl(
            query.decode("utf-8", "surrogateescape"), max_num_fields=PARAMETERS_MAX, errors="surrogateescape"
        )
    except ValueError as error:
        raise BadReport(f"not a query string: {error}") from error
    parameters = {name: value.encode("utf-8", "surrogateescape") for name, value in pairs}
    if "report" not in parameters:
        raise BadReport("the query string has no parameter `report`")
    auth = read_json(parameters["auth"]) if "auth" in parameters else None
    token = auth.get("access_token") if isinstance(auth, dict) else None
    return parameters["report"], token if isinstance(token, str) else ""


def encode(receipt: Receipt, _head: RequestHead) -> Reply:
    """A ReportResponse as plain JSON, never empty: an empty answer makes JavaScript send again."""
    answer = json.dumps(crouton.response(receipt), separators=(",", ":")).encode()
    return Reply(status_of(receipt.refusal), JSON, answer)


def encode_uri(receipt: Receipt, _head: RequestHead) -> Reply:
    """An empty script; a page that is going reads no answer, so a refusal is a comment for people."""
    refusal = receipt.refusal
    reason = crouton.refusal_text(refusal).replace("*/", "* /") if refusal else ""
    return Reply(status_of(refusal), JAVASCRIPT, f"/* {reason} */".encode() if reason else b"")


PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("POST", "/api/v0/reports"),),
    grpc_methods=(),
    content_types=(JSON, "text/plain", "text/json"),
    decode=decode,
    encode=encode,
)

URI_PROTOCOL = WireProtocol(
    name=NAME,
    http_routes=(("GET", "/_rpc/v1/reports/uri_encoded"),),
    grpc_methods=(),
    content_types=(),
    decode=decode_uri,
    encode=encode_uri,
)
