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
                operation["responses"]["default"] = {"description": "Error", "content": content(ErrorAnswer)}
        api.openapi_schema = found
    return api.openapi_schema
