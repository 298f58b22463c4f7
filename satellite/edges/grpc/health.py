"""The health service (grpc.health.v1), for Kubernetes' probes, balancers and whoever watches."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


class Health(health_pb2_grpc.HealthServicer):  # type: ignore[misc]
    """Answers what `ready` says at that moment. The package's own servicer would hold up the stop while watched."""

    def __init__(self, ready: Callable[[], bool], services: Sequence[str]) -> None:
        self._ready = ready
        self._services = frozenset(services)
        self._shown: bool | None = None
        self._ended = False
        self._changed = asyncio.Event()

    def follow(self) -> None:
        """Wake the watchers when `ready` says something new."""
        ready = not self._ended and self._ready()
        if ready is not self._shown:
            self._shown = ready
            self._changed.set()
            self._changed = asyncio.Event()

    def end(self) -> None:
        """NOT_SERVING from now on; watchers hear it and are let go."""
        self._ended = True
        self.follow()
        self._changed.set()

    async def Check(self, request: Any, context: Any) -> Any:  # noqa: N802 - gRPC's name
        """The status of one service, or of the whole ("")."""
        if request.service not in self._services:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service")
        return health_pb2.HealthCheckResponse(status=self._status(request.service))

    async def Watch(self, request: Any, context: Any) -> None:  # noqa: N802 - gRPC's name
        """The status now and whenever it changes, until the server stops."""
        last = None
        while True:
            changed = self._changed
            status = self._status(request.service)
            if status != last:
                last = status
                await context.write(health_pb2.HealthCheckResponse(status=status))
            if self._ended:
                return
            await changed.wait()

    def _status(self, service: str) -> int:
        self.follow()
        response = health_pb2.HealthCheckResponse
        if service not in self._services:
            return int(response.SERVICE_UNKNOWN)
        return int(response.SERVING if self._shown else response.NOT_SERVING)
