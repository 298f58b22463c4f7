"""What other tools (Jaeger, Tempo, Honeycomb, OpenTelemetry) call what this language calls otherwise."""

from __future__ import annotations

import re

from satellite.query.plan import Field

_NAMES = {
    "traceid": Field.TRACE_ID,
    "spanid": Field.SPAN_ID,
    "servicename": Field.SERVICE,
    "spanname": Field.OPERATION,
    "operationname": Field.OPERATION,
}
"""Without what joins words and in lower case, as `_plain` makes them."""

_FAILED = {"error": True, "ok": False, "unset": False, "status_code_error": True, "status_code_ok": False}
_JOINTS = re.compile(r"[._:-]")
_TRACE_ID = re.compile(r"[0-9a-fA-F]{16}(?:[0-9a-fA-F]{16})?")


def field_named(key: str) -> Field | None:
    """What `trace_id`, `traceID`, `service.name`, `resource.service.name`, … is here; None: an attribute, as far as we know."""
    return _NAMES.get(_plain(key).removeprefix("resource"))


def outcome(key: str, value: str, *, negated: bool = False) -> str | None:
    """The term that means `status=error`, `statusCode: OK`, or with `negated` the opposite; None for anything else."""
    if _plain(key) not in {"status", "statuscode"} or (failed := _FAILED.get(value.lower())) is None:
        return None
    return '"error" NOT IN ("true")' if failed is negated else '"error" IN ("true")'


def is_trace_id(text: str) -> bool:
    """Whether a text is the digits of a trace id and nothing else, as it is pasted into a search."""
    return _TRACE_ID.fullmatch(text.strip()) is not None


def _plain(key: str) -> str:
    return _JOINTS.sub("", key).lower()
