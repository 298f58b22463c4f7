"""Server reflection, v1 and v1alpha, by grpcio's own servicer; every service that is listed describes itself."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module

from google.protobuf import descriptor_pb2, descriptor_pool, text_format
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_reflection.v1alpha._async import ReflectionServicer

from satellite.edges.grpc.services import Services

V1ALPHA = "grpc.reflection.v1alpha.ServerReflection"
V1 = "grpc.reflection.v1.ServerReflection"

_DESCRIBED_IN = (
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2",
    "opentelemetry.proto.collector.metrics.v1.metrics_service_pb2",
    "opentelemetry.proto.collector.logs.v1.logs_service_pb2",
    "satellite.pb.lightstep_collector_pb2",
)
"""Modules that bring the descriptors of report services into the pool; their codecs may do without."""


def add_reflection(services: Services, listed: Sequence[str]) -> None:
    """Serve both versions; `listed` are the names of all other services."""
    for module in _DESCRIBED_IN:
        import_module(module)
    _describe_v1()
    servicer = ReflectionServicer([*listed, V1ALPHA, V1])
    reflection_pb2_grpc.add_ServerReflectionServicer_to_server(servicer, services)
    services.add_registered_method_handlers(
        V1, services.handlers[V1ALPHA]
    )  # the same messages under another name


def _describe_v1() -> None:
    """Grpcio's package knows v1alpha only; v1 differs from it in its package's name."""
    pool = descriptor_pool.Default()
    try:
        pool.FindServiceByName(V1)
    except KeyError:
        old, new = (name.rpartition(".")[0] for name in (V1ALPHA, V1))
        file = descriptor_pb2.FileDescriptorProto()
        reflection_pb2.DESCRIPTOR.CopyToProto(file)
        text = (
            str(file)
            .replace(old, new)
            .replace(reflection_pb2.DESCRIPTOR.name, f"{new.replace('.', '/')}/reflection.proto")
        )
        file = text_format.Parse(text, descriptor_pb2.FileDescriptorProto())
        pool.Add(file)
