from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class MetricPoint(_message.Message):
    __slots__ = ("kind", "metric_name", "labels", "uint64_value", "double_value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    METRIC_NAME_FIELD_NUMBER: _ClassVar[int]
    LABELS_FIELD_NUMBER: _ClassVar[int]
    UINT64_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: int
    metric_name: bytes
    labels: _containers.RepeatedScalarFieldContainer[bytes]
    uint64_value: int
    double_value: float
    def __init__(self, kind: _Optional[int] = ..., metric_name: _Optional[bytes] = ..., labels: _Optional[_Iterable[bytes]] = ..., uint64_value: _Optional[int] = ..., double_value: _Optional[float] = ...) -> None: ...

class IngestRequest(_message.Message):
    __slots__ = ("idempotency_key", "reporter", "points")
    IDEMPOTENCY_KEY_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    idempotency_key: bytes
    reporter: _containers.RepeatedScalarFieldContainer[bytes]
    points: _containers.RepeatedCompositeFieldContainer[MetricPoint]
    def __init__(self, idempotency_key: _Optional[bytes] = ..., reporter: _Optional[_Iterable[bytes]] = ..., points: _Optional[_Iterable[_Union[MetricPoint, _Mapping]]] = ...) -> None: ...
