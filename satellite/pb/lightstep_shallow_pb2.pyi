from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Time(_message.Message):
    __slots__ = ("seconds", "nanos")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    seconds: int
    nanos: int
    def __init__(self, seconds: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("trace_id", "span_id", "baggage")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    BAGGAGE_FIELD_NUMBER: _ClassVar[int]
    trace_id: int
    span_id: int
    baggage: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, trace_id: _Optional[int] = ..., span_id: _Optional[int] = ..., baggage: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("relationship", "span_context")
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    relationship: int
    span_context: Context
    def __init__(self, relationship: _Optional[int] = ..., span_context: _Optional[_Union[Context, _Mapping]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("span_context", "operation_name", "references", "start_timestamp", "duration_micros", "tags", "logs")
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DURATION_MICROS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    span_context: Context
    operation_name: bytes
    references: _containers.RepeatedCompositeFieldContainer[Reference]
    start_timestamp: Time
    duration_micros: int
    tags: _containers.RepeatedScalarFieldContainer[bytes]
    logs: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, span_context: _Optional[_Union[Context, _Mapping]] = ..., operation_name: _Optional[bytes] = ..., references: _Optional[_Iterable[_Union[Reference, _Mapping]]] = ..., start_timestamp: _Optional[_Union[Time, _Mapping]] = ..., duration_micros: _Optional[int] = ..., tags: _Optional[_Iterable[bytes]] = ..., logs: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Report(_message.Message):
    __slots__ = ("reporter", "auth", "spans", "timestamp_offset_micros", "internal_metrics")
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_OFFSET_MICROS_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_METRICS_FIELD_NUMBER: _ClassVar[int]
    reporter: _containers.RepeatedScalarFieldContainer[bytes]
    auth: _containers.RepeatedScalarFieldContainer[bytes]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    timestamp_offset_micros: int
    internal_metrics: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, reporter: _Optional[_Iterable[bytes]] = ..., auth: _Optional[_Iterable[bytes]] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., timestamp_offset_micros: _Optional[int] = ..., internal_metrics: _Optional[_Iterable[bytes]] = ...) -> None: ...

class Envelope(_message.Message):
    __slots__ = ("auth",)
    AUTH_FIELD_NUMBER: _ClassVar[int]
    auth: bytes
    def __init__(self, auth: _Optional[bytes] = ...) -> None: ...

class Shape(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ReferenceShape(_message.Message):
    __slots__ = ("span_context",)
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    span_context: Shape
    def __init__(self, span_context: _Optional[_Union[Shape, _Mapping]] = ...) -> None: ...

class SpanShape(_message.Message):
    __slots__ = ("span_context", "references", "start_timestamp")
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    span_context: Shape
    references: ReferenceShape
    start_timestamp: Shape
    def __init__(self, span_context: _Optional[_Union[Shape, _Mapping]] = ..., references: _Optional[_Union[ReferenceShape, _Mapping]] = ..., start_timestamp: _Optional[_Union[Shape, _Mapping]] = ...) -> None: ...

class ReportShape(_message.Message):
    __slots__ = ("spans",)
    SPANS_FIELD_NUMBER: _ClassVar[int]
    spans: SpanShape
    def __init__(self, spans: _Optional[_Union[SpanShape, _Mapping]] = ...) -> None: ...

class KeyValue(_message.Message):
    __slots__ = ("key", "string_value", "int_value", "double_value", "bool_value", "json_value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    JSON_VALUE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    string_value: bytes
    int_value: int
    double_value: float
    bool_value: bool
    json_value: bytes
    def __init__(self, key: _Optional[bytes] = ..., string_value: _Optional[bytes] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: _Optional[bool] = ..., json_value: _Optional[bytes] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("timestamp", "fields")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    timestamp: Time
    fields: _containers.RepeatedCompositeFieldContainer[KeyValue]
    def __init__(self, timestamp: _Optional[_Union[Time, _Mapping]] = ..., fields: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ...) -> None: ...

class MetricsSample(_message.Message):
    __slots__ = ("name", "int_value", "double_value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: bytes
    int_value: int
    double_value: float
    def __init__(self, name: _Optional[bytes] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ...) -> None: ...

class InternalMetrics(_message.Message):
    __slots__ = ("counts", "gauges")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[MetricsSample]
    gauges: _containers.RepeatedCompositeFieldContainer[MetricsSample]
    def __init__(self, counts: _Optional[_Iterable[_Union[MetricsSample, _Mapping]]] = ..., gauges: _Optional[_Iterable[_Union[MetricsSample, _Mapping]]] = ...) -> None: ...

class Reporter(_message.Message):
    __slots__ = ("reporter_id", "tags")
    REPORTER_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    reporter_id: int
    tags: _containers.RepeatedCompositeFieldContainer[KeyValue]
    def __init__(self, reporter_id: _Optional[int] = ..., tags: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ...) -> None: ...

class Auth(_message.Message):
    __slots__ = ("access_token",)
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access_token: bytes
    def __init__(self, access_token: _Optional[bytes] = ...) -> None: ...
