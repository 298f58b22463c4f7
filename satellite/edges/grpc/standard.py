"""The services that every gRPC server has: health, and reflection of all that is served."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from grpc_health.v1 import health, health_pb2_grpc

from satellite.edges.grpc.health import Health
from satellite.edges.grpc.reflection import add_reflection
from satellite.edges.grpc.services import Services
from satellite.protocols.wire import WireProtocol


def add_standard(services: Services, protocols: Sequence[WireProtocol], ready: Callable[[], bool]) -> Health:
    """Add them to services that are complete otherwise; `ready` is what health answers from."""
    reports = {path.split("/")[1] for protocol in protocols for path in protocol.grpc_methods}
    names = [*sorted(reports), *services.handlers]
    answering = Health(ready, ["", *names])
    health_pb2_grpc.add_HealthServicer_to_server(answering, services)
    add_reflection(services, [*names, health.SERVICE_NAME])
    return answering
