"""Activities as OpenTelemetry .NET's console exporter prints them, a line a field, turned into OTLP's own JSON.

    Activity.TraceId:            5759c2b5…
    Activity.Tags:
        http.method: GET
    Resource associated with Activity:
        service.name: shop

Lines come without their indentation; what type a value had is not printed, so all are texts.
"""

from __future__ import annotations

import re
from typing import Any

from satellite.protocols.files.console import Json, attributes_of, id_of, time_ns
from satellite.protocols.files.held import Held

_FIELD = re.compile(r"(?:Activity\.)?([A-Za-z]+) ?: *(.*)", re.DOTALL)
_BEGINS = ("Activity.TraceId:", "Activity.Id:")
_SECTIONS = {
    "Activity.Tags:": "tags",
    "Activity.Events:": "events",
    "Activity.Links:": "links",
    "Instrumentation scope (ActivitySource):": "scope",
    "Resource associated with Activity:": "resource",
}
_FIELDS = {"StatusCode", "StatusDescription"}
"""Those that older releases print without `Activity.` before them."""
_PAIR = re.compile(r"([^\s:][^:]*?) ?: (.*)|([^\s:]+):$", re.DOTALL)
_RESOURCE = re.compile(r"[\w-]+(?:\.[\w-]+)+: ")
_LINK = re.compile(r"([0-9a-f]{32}) ([0-9a-f]{16})\b")
_W3C = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
_DURATION = re.compile(r"(?:(\d{1,8})\.)?(\d{1,4}):(\d\d):(\d\d)(?:\.(\d{1,9}))?", re.ASCII)
_AMERICAN = re.compile(r"(\d\d?)/(\d\d?)/(\d{4}) (\d\d?):(\d\d):(\d\d) ([AP])M ([+-]\d\d:\d\d)", re.ASCII)


class Activities:
    """Lines in, requests out."""

    def __init__(self) -> None:
        """No line came yet."""
        self._held = Held()
        self._fields: dict[str, str] = {}
        self._parts: dict[str, Any] = {}
        self._section = ""

    def take(self, line: str) -> bool:
        """Whether the line is one of an activity."""
        if line.startswith(_BEGINS):
            self._end()
            self._parts = {"tags": {}, "events": [], "links": [], "scope": {}, "resource": {}}
        elif self._held.full:
            self._end()
        if not self._parts:
            return False
        self._held.count(line)
        if line in _SECTIONS:
            self._section = _SECTIONS[line]
        elif (found := _FIELD.match(line)) and (line.startswith("Activity.") or found[1] in _FIELDS):
            self._fields[found[1]] = found[2].strip()
        elif self._section == "resource" and not _RESOURCE.match(line):
            self._end()
            return False
        else:
            self._add(line)
        return True

    def request(self, *, last: bool = False) -> bytes:
        """An OTLP request of the spans that are complete, once there are many; `last`: of all. b"" for none."""
        if last:
            self._end()
        return self._held.request(last=last)

    def _add(self, line: str) -> None:
        section: Any = self._parts.get(self._section)
        if isinstance(section, dict):
            _put(section, line)
        elif self._section == "events":
            name, is_event, time = line.removesuffix("]").rpartition(" [")
            moment = _moment(time) if is_event and line.endswith("]") else "0"
            if is_event and line.endswith("]") and (moment != "0" or not (_PAIR.fullmatch(line) and section)):
                section.append({"name": name, "time": moment, "attributes": {}})
            elif section:
                _put(section[-1]["attributes"], line)
        elif self._section == "links" and (link := _LINK.match(line)):
            section.append({"traceId": link[1], "spanId": link[2]})

    def _end(self) -> None:
        if self._parts:
            self._held.add(*_converted(self._fields, self._parts))
        self._fields, self._parts, self._section = {}, {}, ""


def _put(values: dict[str, list[str]], line: str) -> None:
    """A pair; or one more line of the last value, as of a stack trace."""
    if pair := _PAIR.fullmatch(line):
        values[pair[1] or pair[3]] = [pair[2] or ""]
    elif values:
        values[next(reversed(values))].append(line)


def _joined(values: dict[str, list[str]]) -> Json:
    return {key: "\n".join(lines) for key, lines in values.items()}


def _converted(fields: dict[str, str], parts: dict[str, Any]) -> tuple[Json, Json, Json]:
    own, parent = _W3C.match(fields.get("Id", "")), _W3C.match(fields.get("ParentId", ""))
    start = time_ns(fields.get("StartTime"))
    scope = _joined(parts["scope"])
    span = {
        "traceId": fields.get("TraceId") or (own[1] if own else ""),
        "spanId": fields.get("SpanId") or (own[2] if own else ""),
        "parentSpanId": id_of(fields.get("ParentSpanId") or (parent[2] if parent else "")),
        "traceState": fields.get("TraceState"),
        "name": fields.get("DisplayName"),
        "kind": fields.get("Kind"),
        "startTimeUnixNano": start,
        "endTimeUnixNano": str(int(start) + _duration_ns(fields.get("Duration", ""))),
        "status": {"code": fields.get("StatusCode", "Unset"), "message": fields.get("StatusDescription")},
        "attributes": attributes_of(_joined(parts["tags"])),
        "events": [
            {
                "name": one["name"],
                "timeUnixNano": one["time"],
                "attributes": attributes_of(_joined(one["attributes"])),
            }
            for one in parts["events"]
        ],
        "links": parts["links"],
    }
    name = scope.get("Name") or fields.get("ActivitySourceName")
    return (
        {"resource": {"attributes": attributes_of(_joined(parts["resource"]))}},
        {"scope": {"name": name, "version": scope.get("Version")}} if name else {},
        span,
    )


def _moment(text: str) -> str:
    """The time of an event, in ns; "0" where it is none."""
    if found := _AMERICAN.fullmatch(text):
        month, day, year, hour, minute, second, half, zone = found.groups()
        hours = int(hour) % 12 + 12 * (half == "P")
        text = f"{year}-{int(month):02}-{int(day):02}T{hours:02}:{minute}:{second}{zone}"
    return time_ns(text)


def _duration_ns(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if found is None:
        return 0
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups()[:4])
    return (
        ((days * 24 + hours) * 60 + minutes) * 60 * 10**9
        + seconds * 10**9
        + int((found[5] or "").ljust(9, "0"))
    )
