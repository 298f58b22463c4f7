"""Server reflection, v1 and v1alpha, by grpcio's own servicer; every service that is listed describes itself.

Descriptors are copied into a pool of our own: what else a program of others has loaded under the same names does not matter.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, empty_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha._async import ReflectionServicer

from satellite.edges.grpc.services import Services

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
V1 = "grpc.reflection.v1.ServerReflection"

_DESCRIBED_IN = {
    "opentelemetry.proto.collector.trace.v1.TraceService": "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    "opentelemetry.proto.collector.metrics.v1.MetricsService": "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
    "opentelemetry.proto.collector.logs.v1.LogsService": "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
    "lightstep.collector.CollectorService": "satellite.pb.lightstep_collector_pb2",
}
"""Modules that bring descriptors which nothing else has loaded; codecs may do without."""

_DESCRIBED_HERE = {
    "zipkin.proto3.SpanService": ("Report", "satellite.pb.zipkin_pb2", "ListOfSpans"),
    "jaeger.api_v2.CollectorService": ("PostSpans", "satellite.pb.jaeger_pb2", "PostSpansRequest"),
    "lightstep.metrics.MetricsService": ("Report", "satellite.pb.lightstep_metrics_pb2", "IngestRequest"),
}
"""Services whose messages we have under names of our own, the same on the wire: (method, module, request)."""


def add_reflection(services: Services, listed: Sequence[str]) -> None:
    """Serve both versions; `listed` are the names of all other services."""
    pool: Any = descriptor_pool.DescriptorPool()
    for service in listed:
        if service in _DESCRIBED_HERE:
            _describe(pool, service, *_DESCRIBED_HERE[service])
            continue
        if service in _DESCRIBED_IN:
            import_module(_DESCRIBED_IN[service])
        try:
            _copy(pool, descriptor_pool.Default().FindServiceByName(service).file)
        except KeyError:  # a service without a descriptor is listed all the same
            continue
    _copy(pool, reflection_pb2.DESCRIPTOR)
    pool.Add(_v1())
    servicer = ReflectionServicer([*listed, V1ALPHA, V1], pool=_WithMethods(pool))
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, services)
    services.add_registered_method_handlers(
        V1, services.handlers[V1ALPHA]
    )  # the same messages under another name


class _WithMethods:
    """A pool that finds methods, too, as `grpcurl describe` asks for them."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def __getattr__(self, name: str) -> Any:
        """Everything else is the pool's own."""
        return getattr(self._pool, name)

    def FindFileContainingSymbol(self, symbol: str) -> Any:  # noqa: N802 - the pool's name
        """The file that describes it. Raises KeyError."""
        try:
            return self._pool.FindFileContainingSymbol(symbol)
        except KeyError:
            service, _, method = symbol.rpartition(".")
            found = self._pool.FindServiceByName(service)
            _ = found.methods_by_name[method]
            return found.file


def _copy(pool: Any, file: Any) -> None:
    """Add a file, and what it imports first."""
    try:
        pool.FindFileByName(file.name)
    except KeyError:
        for imported in file.dependencies:
            _copy(pool, imported)
        described = descriptor_pb2.FileDescriptorProto()
        file.CopyToProto(described)
        pool.Add(described)


def _describe(pool: Any, service: str, method: str, module: str, request: str) -> None:
    messages = import_module(module).DESCRIPTOR
    for imported in (messages, empty_pb2.DESCRIPTOR):
        _copy(pool, imported)
    package, _, name = service.rpartition(".")
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto",
        package=package,
        syntax="proto3",
        dependency=[messages.name, empty_pb2.DESCRIPTOR.name],
    )
    file.service.add(name=name).method.add(
        name=method,
        input_type=f".{messages.package}.{request}",
        output_type=f".{empty_pb2.DESCRIPTOR.package}.Empty",
    )
    pool.Add(file)


def _v1() -> Any:
    """Grpcio's package knows v1alpha only; v1 differs from it in its package's name."""
    old, new = (name.rpartition(".")[0] for name in (V1ALPHA, V1))
    file = descriptor_pb2.FileDescriptorProto()
    reflection_pb2.DESCRIPTOR.CopyToProto(file)
    file.name, file.package = f"{new.replace('.', '/')}/reflection.proto", new
    file.options.java_package = file.options.java_package.replace(old, new)
    for field in (field for message in file.message_type for field in message.field if field.type_name):
        field.type_name = field.type_name.replace(old, new)
    for method in file.service[0].method:
        method.input_type = method.input_type.replace(old, new)
        method.output_type = method.output_type.replace(old, new)
    return file
