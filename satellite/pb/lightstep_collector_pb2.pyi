import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class SpanContext(_message.Message):
    __slots__ = ("trace_id", "span_id", "baggage")
    class BaggageEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    BAGGAGE_FIELD_NUMBER: _ClassVar[int]
    trace_id: int
    span_id: int
    baggage: _containers.ScalarMap[str, str]
    def __init__(self, trace_id: _Optional[int] = ..., span_id: _Optional[int] = ..., baggage: _Optional[_Mapping[str, str]] = ...) -> None: ...

class KeyValue(_message.Message):
    __slots__ = ("key", "string_value", "int_value", "double_value", "bool_value", "json_value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    JSON_VALUE_FIELD_NUMBER: _ClassVar[int]
    key: str
    string_value: str
    int_value: int
    double_value: float
    bool_value: bool
    json_value: str
    def __init__(self, key: _Optional[str] = ..., string_value: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: _Optional[bool] = ..., json_value: _Optional[str] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("timestamp", "fields")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    timestamp: _timestamp_pb2.Timestamp
    fields: _containers.RepeatedCompositeFieldContainer[KeyValue]
    def __init__(self, timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., fields: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("relationship", "span_context")
    class Relationship(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        CHILD_OF: _ClassVar[Reference.Relationship]
        FOLLOWS_FROM: _ClassVar[Reference.Relationship]
    CHILD_OF: Reference.Relationship
    FOLLOWS_FROM: Reference.Relationship
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    relationship: Reference.Relationship
    span_context: SpanContext
    def __init__(self, relationship: _Optional[_Union[Reference.Relationship, str]] = ..., span_context: _Optional[_Union[SpanContext, _Mapping]] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("span_context", "operation_name", "references", "start_timestamp", "duration_micros", "tags", "logs")
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    OPERATION_NAME_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DURATION_MICROS_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    span_context: SpanContext
    operation_name: str
    references: _containers.RepeatedCompositeFieldContainer[Reference]
    start_timestamp: _timestamp_pb2.Timestamp
    duration_micros: int
    tags: _containers.RepeatedCompositeFieldContainer[KeyValue]
    logs: _containers.RepeatedCompositeFieldContainer[Log]
    def __init__(self, span_context: _Optional[_Union[SpanContext, _Mapping]] = ..., operation_name: _Optional[str] = ..., references: _Optional[_Iterable[_Union[Reference, _Mapping]]] = ..., start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_micros: _Optional[int] = ..., tags: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ..., logs: _Optional[_Iterable[_Union[Log, _Mapping]]] = ...) -> None: ...

class Reporter(_message.Message):
    __slots__ = ("reporter_id", "tags")
    REPORTER_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    reporter_id: int
    tags: _containers.RepeatedCompositeFieldContainer[KeyValue]
    def __init__(self, reporter_id: _Optional[int] = ..., tags: _Optional[_Iterable[_Union[KeyValue, _Mapping]]] = ...) -> None: ...

class MetricsSample(_message.Message):
    __slots__ = ("name", "int_value", "double_value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    int_value: int
    double_value: float
    def __init__(self, name: _Optional[str] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ...) -> None: ...

class InternalMetrics(_message.Message):
    __slots__ = ("start_timestamp", "duration_micros", "logs", "counts", "gauges")
    START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    DURATION_MICROS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    start_timestamp: _timestamp_pb2.Timestamp
    duration_micros: int
    logs: _containers.RepeatedCompositeFieldContainer[Log]
    counts: _containers.RepeatedCompositeFieldContainer[MetricsSample]
    gauges: _containers.RepeatedCompositeFieldContainer[MetricsSample]
    def __init__(self, start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., duration_micros: _Optional[int] = ..., logs: _Optional[_Iterable[_Union[Log, _Mapping]]] = ..., counts: _Optional[_Iterable[_Union[MetricsSample, _Mapping]]] = ..., gauges: _Optional[_Iterable[_Union[MetricsSample, _Mapping]]] = ...) -> None: ...

class Auth(_message.Message):
    __slots__ = ("access_token",)
    ACCESS_TOKEN_FIELD_NUMBER: _ClassVar[int]
    access_token: str
    def __init__(self, access_token: _Optional[str] = ...) -> None: ...

class ReportRequest(_message.Message):
    __slots__ = ("reporter", "auth", "spans", "timestamp_offset_micros", "internal_metrics")
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    AUTH_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_OFFSET_MICROS_FIELD_NUMBER: _ClassVar[int]
    INTERNAL_METRICS_FIELD_NUMBER: _ClassVar[int]
    reporter: Reporter
    auth: Auth
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    timestamp_offset_micros: int
    internal_metrics: InternalMetrics
    def __init__(self, reporter: _Optional[_Union[Reporter, _Mapping]] = ..., auth: _Optional[_Union[Auth, _Mapping]] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., timestamp_offset_micros: _Optional[int] = ..., internal_metrics: _Optional[_Union[InternalMetrics, _Mapping]] = ...) -> None: ...

class Command(_message.Message):
    __slots__ = ("disable", "dev_mode")
    DISABLE_FIELD_NUMBER: _ClassVar[int]
    DEV_MODE_FIELD_NUMBER: _ClassVar[int]
    disable: bool
    dev_mode: bool
    def __init__(self, disable: _Optional[bool] = ..., dev_mode: _Optional[bool] = ...) -> None: ...

class ReportResponse(_message.Message):
    __slots__ = ("commands", "receive_timestamp", "transmit_timestamp", "errors", "warnings", "infos")
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    RECEIVE_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    TRANSMIT_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    INFOS_FIELD_NUMBER: _ClassVar[int]
    commands: _containers.RepeatedCompositeFieldContainer[Command]
    receive_timestamp: _timestamp_pb2.Timestamp
    transmit_timestamp: _timestamp_pb2.Timestamp
    errors: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    infos: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, commands: _Optional[_Iterable[_Union[Command, _Mapping]]] = ..., receive_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., transmit_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., errors: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ..., infos: _Optional[_Iterable[str]] = ...) -> None: ...
