from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Tag(_message.Message):
    __slots__ = ("key", "string_value", "int_value", "double_value", "bool_value", "json_value", "bytes_value", "any_value")
    KEY_FIELD_NUMBER: _ClassVar[int]
    STRING_VALUE_FIELD_NUMBER: _ClassVar[int]
    INT_VALUE_FIELD_NUMBER: _ClassVar[int]
    DOUBLE_VALUE_FIELD_NUMBER: _ClassVar[int]
    BOOL_VALUE_FIELD_NUMBER: _ClassVar[int]
    JSON_VALUE_FIELD_NUMBER: _ClassVar[int]
    BYTES_VALUE_FIELD_NUMBER: _ClassVar[int]
    ANY_VALUE_FIELD_NUMBER: _ClassVar[int]
    key: bytes
    string_value: bytes
    int_value: int
    double_value: float
    bool_value: bool
    json_value: bytes
    bytes_value: bytes
    any_value: bytes
    def __init__(self, key: _Optional[bytes] = ..., string_value: _Optional[bytes] = ..., int_value: _Optional[int] = ..., double_value: _Optional[float] = ..., bool_value: _Optional[bool] = ..., json_value: _Optional[bytes] = ..., bytes_value: _Optional[bytes] = ..., any_value: _Optional[bytes] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("timestamp", "fields", "name", "dropped_count")
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    timestamp: Time
    fields: _containers.RepeatedScalarFieldContainer[bytes]
    name: bytes
    dropped_count: int
    def __init__(self, timestamp: _Optional[_Union[Time, _Mapping]] = ..., fields: _Optional[_Iterable[bytes]] = ..., name: _Optional[bytes] = ..., dropped_count: _Optional[int] = ...) -> None: ...

class Time(_message.Message):
    __slots__ = ("seconds", "nanos")
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    NANOS_FIELD_NUMBER: _ClassVar[int]
    seconds: int
    nanos: int
    def __init__(self, seconds: _Optional[int] = ..., nanos: _Optional[int] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("relationship", "span_context", "attributes", "trace_state", "dropped_count", "flags")
    RELATIONSHIP_FIELD_NUMBER: _ClassVar[int]
    SPAN_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    TRACE_STATE_FIELD_NUMBER: _ClassVar[int]
    DROPPED_COUNT_FIELD_NUMBER: _ClassVar[int]
    FLAGS_FIELD_NUMBER: _ClassVar[int]
    relationship: int
    span_context: Context
    attributes: _containers.RepeatedScalarFieldContainer[bytes]
    trace_state: bytes
    dropped_count: int
    flags: int
    def __init__(self, relationship: _Optional[int] = ..., span_context: _Optional[_Union[Context, _Mapping]] = ..., attributes: _Optional[_Iterable[bytes]] = ..., trace_state: _Optional[bytes] = ..., dropped_count: _Optional[int] = ..., flags: _Optional[int] = ...) -> None: ...

class Context(_message.Message):
    __slots__ = ("trace_id", "span_id", "baggage", "trace_id_high")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    BAGGAGE_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_HIGH_FIELD_NUMBER: _ClassVar[int]
    trace_id: int
    span_id: int
    baggage: _containers.RepeatedScalarFieldContainer[bytes]
    trace_id_high: int
    def __init__(self, trace_id: _Optional[int] = ..., span_id: _Optional[int] = ..., baggage: _Optional[_Iterable[bytes]] = ..., trace_id_high: _Optional[int] = ...) -> None: ...
