"""Write explorer.proto: the gRPC service of Explorer's questions, from the API's OpenAPI document.

Fields keep the numbers that the file gives them already; a new one takes the next, and the number of one that is gone
stays reserved, so that old clients and new satellites understand each other.
"""

from __future__ import annotations

import re
import textwrap
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from satellite.api import ROOT
from satellite.api.explorer_service import METHODS
from satellite.explore.tail import News
from satellite.intake.arrivals import Arrivals
from satellite.store.recall.engine import RecallStore
from tests.serving import api_of

TARGET = Path(__file__).with_name("explorer.proto")

_HEAD = """\
// Every question of Explorer over gRPC: `grpcurl HOST:PORT describe satellite.explorer.v1.Explorer`.
// A method is an endpoint of the HTTP API (/api/v1/openapi.json) in another form: same names, same meanings. Nulls are
// fields that are not set. Written by protos/service.py.
syntax = "proto3";

package satellite.explorer.v1;

import "google/protobuf/struct.proto";

"""

_SCALARS = {"integer": "int64", "number": "double", "boolean": "bool", "string": "string"}
_Field = tuple[str, str, str]
"""Type, name, what it means."""


def written() -> str:
    """The whole file."""
    document = _document()
    schemas = document["components"]["schemas"]
    known = _numbers(TARGET.read_text() if TARGET.exists() else "")
    messages: dict[str, list[_Field]] = {}
    rpcs = []
    names = {method.name for method in METHODS}
    for method in METHODS:
        operation = document["paths"][f"{ROOT}{method.path}"][method.verb.lower()]
        request = f"{method.name}Request"
        messages[request] = _request_fields(operation, schemas, takes_file=method.takes_file)
        answer = {"file": "File", "nothing": "Nothing", "stream": "News"}.get(method.answers)
        if answer is None:
            content = operation["responses"]["200"]["content"]["application/json"]
            answer = content["schema"]["$ref"].rpartition("/")[2]
        messages.setdefault(answer, [])
        # Inside the service a method's name hides the message of that name.
        shown = f".satellite.explorer.v1.{answer}" if answer in names else answer
        returns = f"stream {shown}" if method.answers == "stream" else shown
        rpcs.append(
            f"{_comment(operation.get('description', ''), 2)}"
            f"  // {method.verb} {ROOT}{method.path}\n"
            f"  rpc {method.name}({request}) returns ({returns});\n"
        )
    parts = [_HEAD, "service Explorer {\n" + "\n".join(rpcs) + "}\n"]
    done: set[str] = set()
    waiting = list(messages)
    while waiting:
        name = waiting.pop(0)
        if name in done:
            continue
        done.add(name)
        fields = messages.get(name) or _fields(schemas.get(name, {}))
        if name == "File":
            fields = [("bytes", "content", ""), ("string", "media_type", "")]
        parts.append(
            _message(name, schemas.get(name, {}).get("description", ""), fields, known.get(name, {}))
        )
        waiting += [kind for kind in _kinds(fields) if kind in schemas]
    return "\n".join(parts)


def _document() -> dict[str, Any]:
    """The API's, and the one struct that a stream sends."""
    with closing(RecallStore()) as store:
        document = api_of(store, Arrivals()).openapi()
    _, components = msgspec.json.schema_components([News], ref_template="#/components/schemas/{name}")
    document["components"]["schemas"] |= components
    return document


def _request_fields(operation: dict[str, Any], schemas: dict[str, Any], *, takes_file: bool) -> list[_Field]:
    """Parameters, all of them optional, so that the API's defaults hold; then those of the body."""
    fields = [
        (
            "string" if one["in"] == "path" else _optional(*_typed(one["schema"])),
            one["name"],
            one.get("description", ""),
        )
        for one in operation.get("parameters", ())
    ]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json")
    if body is not None:
        own = _fields(schemas[body["schema"]["$ref"].rpartition("/")[2]])
        fields += [(_optional(*kind.rpartition(" ")[::2]), name, said) for kind, name, said in own]
    if takes_file:
        fields.append(("bytes", "content", "The file."))
    return fields


def _optional(label: str, kind: str) -> str:
    return (
        f"{label} {kind}"
        if label == "repeated" or kind.startswith(("map<", "google."))
        else f"optional {kind}"
    )


def _fields(schema: dict[str, Any]) -> list[_Field]:
    """Those of a struct; what may be null is optional."""
    found = []
    for name, one in schema.get("properties", {}).items():
        label, kind = _typed(one)
        found.append((f"{label} {kind}".strip(), name, one.get("description", "")))
    return found


def _typed(schema: dict[str, Any]) -> tuple[str, str]:
    """("", "optional" or "repeated"; type) of a JSON schema."""
    if "anyOf" in schema:
        kinds = [one for one in schema["anyOf"] if one.get("type") != "null"]
        if len(kinds) > 1:
            return "", "google.protobuf.Value"
        label, kind = _typed(kinds[0])
        return (label, kind) if label or kind.startswith(("map<", "google.")) else ("optional", kind)
    if "$ref" in schema:
        return "", schema["$ref"].rpartition("/")[2]
    match schema.get("type"):
        case "array":
            label, kind = _typed(schema.get("items", {})) if "prefixItems" not in schema else ("", "")
            return "repeated", _item(label, kind)
        case "object":
            inner = schema.get("additionalProperties", {})
            label, kind = (
                _typed(inner) if isinstance(inner, dict) and inner else ("", "google.protobuf.Value")
            )
            if label or kind.startswith(("map<", "google.")):
                return "", "google.protobuf.Struct"
            return "", f"map<string, {kind}>"
        case str() as name:
            return "", _SCALARS[name]
    return ("", "string") if "enum" in schema or "const" in schema else ("", "google.protobuf.Value")


def _item(label: str, kind: str) -> str:
    """What an array holds: arrays and nulls need JSON's own types."""
    if label == "repeated" or not kind:
        return "google.protobuf.ListValue"
    return "google.protobuf.Value" if label == "optional" else kind


def _kinds(fields: list[_Field]) -> list[str]:
    return [word for kind, _, _ in fields for word in re.findall(r"\w+", kind)]


def _message(name: str, said: str, fields: list[_Field], known: dict[str, int]) -> str:
    """One message; numbers as they are known."""
    following = max(known.values(), default=0)
    lines = []
    for kind, field, meaning in fields:
        if field not in known:
            following += 1
        lines.append(f"{_comment(meaning, 2)}  {kind} {field} = {known.get(field, following)};")
    names = {field for _, field, _ in fields}
    gone = sorted(number for field, number in known.items() if field not in names)
    if gone:
        lines.insert(0, f"  reserved {', '.join(map(str, gone))};")
    return f"{_comment(said, 0)}message {name} {{\n" + "".join(f"{line}\n" for line in lines) + "}\n"


def _comment(text: str, indent: int) -> str:
    """The first paragraph, as comment lines."""
    first = " ".join(text.partition("\n\n")[0].split())
    lines = textwrap.wrap(first, 117 - indent)
    return "".join(f"{' ' * indent}// {line}\n" for line in lines)


def _numbers(text: str) -> dict[str, dict[str, int]]:
    """The fields of each message of a file, and their numbers; reserved ones by a name that no field has."""
    found: dict[str, dict[str, int]] = {}
    for name, body in re.findall(r"^message (\w+) \{\n(.*?)^\}", text, flags=re.DOTALL | re.MULTILINE):
        fields = re.findall(r"^  [^/\n]*?(\w+) = (\d+);$", body, flags=re.MULTILINE)
        found[name] = {field: int(number) for field, number in fields}
        for reserved in re.findall(r"^  reserved ([\d, ]+);$", body, flags=re.MULTILINE):
            found[name] |= {f"reserved {number}": int(number) for number in reserved.split(", ")}
    return found
