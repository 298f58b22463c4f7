"""gRPC services beside the report methods, in the form in which grpcio's generated code registers them.

    services = Services()
    explorer_pb2_grpc.add_ExplorerServicer_to_server(MyServicer(), services)

The same servicer then answers whichever engine serves. Its methods are `async def`, for streams async generators or
`await context.write(…)`, as grpc.aio wants them; `Context` says what of grpc.aio.ServicerContext our own engine has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import grpc

Handlers = Mapping[str, "grpc.RpcMethodHandler[Any, Any]"]


class Services:
    """What generated `add_…_to_server` functions take for a server; keeps what they bring."""

    def __init__(self) -> None:
        """None yet."""
        self.handlers: dict[str, Handlers] = {}
        """By the service's full name; each by the method's name."""

    def add_registered_method_handlers(self, service: str, handlers: Handlers) -> None:
        """Called by generated code."""
        self.handlers[service] = handlers

    def add_generic_rpc_handlers(self, handlers: Sequence[Any]) -> None:
        """Called by generated code, too, with the same handlers in a form that cannot be listed."""
