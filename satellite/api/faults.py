"""Faults: what is to go wrong on purpose, for one project or for the whole satellite."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from satellite.api.parameters import Project, named
from satellite.api.routes import BODY_BYTES_MAX, Routes, content_of, json
from satellite.faults.book import Faults, Listed
from satellite.faults.profiles import PROFILES, profile
from satellite.faults.rule import Fault, read_fault


class FaultList(msgspec.Struct, frozen=True):
    """Faults in the order in which they are asked."""

    faults: list[Listed]
    profiles: list[str]
    """Names that POST takes as {"profile": name}."""


class FaultsRemoved(msgspec.Struct, frozen=True):
    """How many faults were removed."""

    removed: int


class FaultsWanted(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is to go wrong from now on, and nothing else."""

    faults: list[Fault]


class _Several(msgspec.Struct, forbid_unknown_fields=True):
    profile: str = ""
    faults: list[msgspec.Raw] | None = None


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

    @routes.put("/faults", FaultList, takes=FaultsWanted)
    async def replace_everywhere(request: Request) -> Response:
        """These in place of those there are: {"faults": […]}, one, or a profile's; answers all there are then."""
        return shown(faults.replace(await _wanted(request, project=False), None))

    @routes.get("/faults/{fault_id}", Listed)
    def one_everywhere(fault_id: str) -> Response:
        """One of them."""
        return json(faults.one(None, fault_id))

    @routes.put("/faults/{fault_id}", Listed, takes=Fault)
    async def change_everywhere(fault_id: str, request: Request) -> Response:
        """Another fault in its place, which begins anew."""
        return json(faults.change(None, fault_id, await _fault(request, project=False)))

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
        return shown(faults.add(await _wanted(request, project=True), named(project)))

    @routes.put("/projects/{project}/faults", FaultList, takes=FaultsWanted)
    async def replace(project: Project, request: Request) -> Response:
        """These in place of those there are: {"faults": […]}, one, or a profile's; answers all there are then."""
        return shown(faults.replace(await _wanted(request, project=True), named(project)))

    @routes.get("/projects/{project}/faults/{fault_id}", Listed)
    def one(project: Project, fault_id: str) -> Response:
        """One of them."""
        return json(faults.one(project, fault_id))

    @routes.put("/projects/{project}/faults/{fault_id}", Listed, takes=Fault)
    async def change(project: Project, fault_id: str, request: Request) -> Response:
        """Another fault in its place, which begins anew."""
        return json(faults.change(project, fault_id, await _fault(request, project=True)))

    @routes.other("DELETE", "/projects/{project}/faults")
    def remove(project: Project) -> Response:
        """Remove all of them."""
        return json(FaultsRemoved(faults.remove(project)))

    @routes.other("DELETE", "/projects/{project}/faults/{fault_id}")
    def remove_one(project: Project, fault_id: str) -> Response:
        """Remove one."""
        return json(FaultsRemoved(faults.remove(project, fault_id)))

    return routes


async def _fault(request: Request, *, project: bool) -> Fault:
    return read_fault(await content_of(request, BODY_BYTES_MAX, "the body"), project=project)


async def _wanted(request: Request, *, project: bool) -> list[Fault]:
    """The faults of a body in any of its forms: one, a profile, several."""
    body = await content_of(request, BODY_BYTES_MAX, "the body")
    try:
        several = msgspec.json.decode(body, type=_Several)
    except (msgspec.MsgspecError, UnicodeDecodeError):
        several = _Several()
    if several.faults is not None:
        found = [read_fault(bytes(one), project=project) for one in several.faults]
        return [*profile(several.profile), *found] if several.profile else found
    return profile(several.profile) if several.profile else [read_fault(body, project=project)]
