"""The OpenAPI document: FastAPI's, of the endpoints as they are declared, with the schemas of our structs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import wraps
from inspect import signature
from typing import Annotated, Any, get_args, get_type_hints

import msgspec
from pydantic.fields import FieldInfo

from satellite.api import ROOT
from satellite.api.refusals import ErrorAnswer
from satellite.api.routes import Routes, content

_MAKING = threading.Lock()
"""Held while FastAPI makes routes, since its way with the process's warning filters is not safe for several threads."""


def document(resources: Sequence[Routes], version: str) -> dict[str, Any]:
    """The document of all these endpoints."""
    from fastapi import APIRouter, Response
    from fastapi.openapi.utils import get_openapi

    router = APIRouter(prefix=ROOT)
    with _MAKING:
        for endpoint in (endpoint for one in resources for endpoint in one.endpoints):
            router.add_api_route(
                endpoint.path,
                _declared(endpoint.function),
                methods=[endpoint.method],
                response_class=Response,
                **endpoint.described,
            )
        found = get_openapi(title="Mock LightStep Satellite", version=version, routes=router.routes)
    _, schemas = msgspec.json.schema_components(
        [*(struct for one in resources for struct in one.structs), ErrorAnswer],
        ref_template="#/components/schemas/{name}",
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
    return found


def _declared(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as FastAPI wants it: its parameters say whether they are of the path or of the query string."""
    from fastapi import Path, Query

    def of_path(kind: Any) -> Any:
        base, *about = get_args(kind) or (kind,)
        fields = [one for one in about if isinstance(one, FieldInfo)]
        bounds = [bound for field in fields for bound in field.metadata]
        return Annotated[base, *bounds, Path(description=fields[0].description if fields else None)]

    kinds = get_type_hints(function, include_extras=True)
    told = {
        name: Annotated[kind, Query()] if name == "asked" else of_path(kind)
        for name, kind in kinds.items()
        if name not in {"request", "return"}
    }

    @wraps(function)
    def declared(**_: Any) -> None: ...

    plain = signature(function, eval_str=True)
    parameters = [
        one.replace(annotation=told.get(name, one.annotation)) for name, one in plain.parameters.items()
    ]
    declared.__signature__ = plain.replace(parameters=parameters)  # type: ignore[attr-defined]
    return declared


def _add_notes(schemas: dict[str, Any], answer: dict[str, Any]) -> None:
    """What `routes.with_notes` may put on an answer to a query."""
    reference = answer.get("content", {}).get("application/json", {}).get("schema", {}).get("$ref", "")
    if (schema := schemas.get(reference.rpartition("/")[2])) is not None:
        schema["properties"]["notes"] = {
            "type": "array",
            "items": {"type": "string"},
            "description": "What is worth knowing of a query that is right, but perhaps not what was meant.",
        }
