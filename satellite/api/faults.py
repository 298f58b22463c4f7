"""Faults: what is to go wrong on purpose, for one project or for the whole satellite."""

from __future__ import annotations

import msgspec
from fastapi import Request, Response

from satellite.api.parameters import Project
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json
from satellite.errors import BadRequest
from satellite.faults.book import Faults, Listed
from satellite.faults.profiles import PROFILES, profile
from satellite.faults.rule import Fault, read_fault
from satellite.intake.tokens import is_project_name


class FaultList(msgspec.Struct, frozen=True):
    """Faults in the order in which they are asked."""

    faults: list[Listed]
    profiles: list[str]
    """Names that POST takes as {"profile": name}."""


class FaultsRemoved(msgspec.Struct, frozen=True):
    """How many faults were removed."""

    removed: int


class _Profile(msgspec.Struct, forbid_unknown_fields=True):
    profile: str


def routes(faults: Faults) -> Routes:
    """Their endpoints."""
    routes = Routes()

    def shown(listed: list[Listed]) -> Response:
        return json(FaultList(listed, list(PROFILES)))

    @routes.get("/faults", FaultList)
    def everywhere() -> Response:
        """Those of the whole satellite."""
        return shown(faults.all(None))

    @routes.post("/faults", FaultList, takes=Fault)
    async def add_everywhere(request: Request) -> Response:
        """Add one, or a profile's; answers what was added. Connection and TLS faults can be added here only."""
        return shown(faults.add(await _wanted(request, project=False), None))

    @routes.other("DELETE", "/faults")
    def remove_everywhere() -> Response:
        """Remove all of them; those of projects stay."""
        return json(FaultsRemoved(faults.remove(None)))

    @routes.other("DELETE", "/faults/{fault_id}")
    def remove_one_everywhere(fault_id: str) -> Response:
        """Remove one."""
        return json(FaultsRemoved(faults.remove(None, fault_id)))

    @routes.get("/projects/{project}/faults", FaultList)
    def of_project(project: Project) -> Response:
        """Those of a project; it need not have received anything."""
        return shown(faults.all(project))

    @routes.post("/projects/{project}/faults", FaultList, takes=Fault)
    async def add(project: Project, request: Request) -> Response:
        """Add one, or a profile's; answers what was added."""
        if not is_project_name(project):
            raise BadRequest(f"{project!r} cannot be a project's name", parameter="project")
        return shown(faults.add(await _wanted(request, project=True), project))

    @routes.other("DELETE", "/projects/{project}/faults")
    def remove(project: Project) -> Response:
        """Remove all of them."""
        return json(FaultsRemoved(faults.remove(project)))

    @routes.other("DELETE", "/projects/{project}/faults/{fault_id}")
    def remove_one(project: Project, fault_id: str) -> Response:
        """Remove one."""
        return json(FaultsRemoved(faults.remove(project, fault_id)))

    return routes


async def _wanted(request: Request, *, project: bool) -> list[Fault]:
    body = await content_of(request, BODY_BYTES_MAX, "the body")
    try:
        return profile(msgspec.json.decode(body, type=_Profile).profile)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        return [read_fault(body, project=project)]
