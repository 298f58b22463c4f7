"""The OpenAPI document: FastAPI's own, with the schemas of our structs."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from satellite.api.refusals import ErrorAnswer
from satellite.api.routes import content


def document(api: FastAPI, structs: Collection[type[msgspec.Struct]]) -> dict[str, Any]:
    """The document, made once; `structs`: all that bodies are made of."""
    if api.openapi_schema is None:
        found = get_openapi(title=api.title, version=api.version, routes=api.routes)
        _, schemas = msgspec.json.schema_components(
            [*structs, ErrorAnswer], ref_template="#/components/schemas/{name}"
        )
        found["components"] = {"schemas": schemas}
        for operations in found["paths"].values():
            for operation in operations.values():
                operation["responses"].pop("422", None)  # FastAPI's own; ours is 400
                if "requestBody" in operation or any(
                    one["name"] == "query" for one in operation.get("parameters", ())
                ):
                    _add_notes(schemas, operation["responses"]["200"])
                operation["responses"]["default"] = {"description": "Error", "content": content(ErrorAnswer)}
        api.openapi_schema = found
    return api.openapi_schema


def _add_notes(schemas: dict[str, Any], answer: dict[str, Any]) -> None:
    """What `routes.with_notes` may put on an answer to a query."""
    reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    if (schema := schemas.get(reference.rpartition("/")[2])) is not None:
        schema["properties"]["notes"] = {
            "type": "array",
            "items": {"type": "string"},
            "description": "What is worth knowing of a query that is right, but perhaps not what was meant.",
        }
