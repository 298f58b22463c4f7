from google.protobuf import struct_pb2 as _struct_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ProjectsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ProjectList(_message.Message):
    __slots__ = ("projects",)
    PROJECTS_FIELD_NUMBER: _ClassVar[int]
    projects: _containers.RepeatedCompositeFieldContainer[ProjectStats]
    def __init__(self, projects: _Optional[_Iterable[_Union[ProjectStats, _Mapping]]] = ...) -> None: ...

class CreateProjectRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class ProjectMade(_message.Message):
    __slots__ = ("token", "project", "mark", "notes")
    TOKEN_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    token: str
    project: str
    mark: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, token: _Optional[str] = ..., project: _Optional[str] = ..., mark: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ProjectRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class ProjectStats(_message.Message):
    __slots__ = ("project", "spans", "bytes", "recall_window_us", "mark", "ledger", "disk_bytes", "services", "oldest_arrived_us")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    RECALL_WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    LEDGER_FIELD_NUMBER: _ClassVar[int]
    DISK_BYTES_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_ARRIVED_US_FIELD_NUMBER: _ClassVar[int]
    project: str
    spans: int
    bytes: int
    recall_window_us: int
    mark: int
    ledger: Ledger
    disk_bytes: int
    services: _containers.RepeatedCompositeFieldContainer[ServiceWindow]
    oldest_arrived_us: int
    def __init__(self, project: _Optional[str] = ..., spans: _Optional[int] = ..., bytes: _Optional[int] = ..., recall_window_us: _Optional[int] = ..., mark: _Optional[int] = ..., ledger: _Optional[_Union[Ledger, _Mapping]] = ..., disk_bytes: _Optional[int] = ..., services: _Optional[_Iterable[_Union[ServiceWindow, _Mapping]]] = ..., oldest_arrived_us: _Optional[int] = ...) -> None: ...

class ServicesRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "series")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    series: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., series: _Optional[int] = ...) -> None: ...

class ServiceList(_message.Message):
    __slots__ = ("services", "notes")
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedCompositeFieldContainer[Service]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, services: _Optional[_Iterable[_Union[Service, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ServiceRequest(_message.Message):
    __slots__ = ("project", "name", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "series")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    project: str
    name: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    series: int
    def __init__(self, project: _Optional[str] = ..., name: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., series: _Optional[int] = ...) -> None: ...

class OneService(_message.Message):
    __slots__ = ("service", "platforms", "operations", "notes")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PLATFORMS_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    service: Service
    platforms: _containers.RepeatedScalarFieldContainer[str]
    operations: _containers.RepeatedCompositeFieldContainer[Operation]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, service: _Optional[_Union[Service, _Mapping]] = ..., platforms: _Optional[_Iterable[str]] = ..., operations: _Optional[_Iterable[_Union[Operation, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class SuggestRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "kind", "key", "q")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    Q_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    kind: str
    key: str
    q: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., kind: _Optional[str] = ..., key: _Optional[str] = ..., q: _Optional[str] = ...) -> None: ...

class SuggestionList(_message.Message):
    __slots__ = ("suggestions", "notes")
    SUGGESTIONS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    suggestions: _containers.RepeatedCompositeFieldContainer[Suggestion]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, suggestions: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class SpansRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "filter", "whole", "order", "limit", "cursor", "by")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    filter: str
    whole: bool
    order: str
    limit: int
    cursor: str
    by: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., filter: _Optional[str] = ..., whole: _Optional[bool] = ..., order: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class SpanPage(_message.Message):
    __slots__ = ("spans", "total", "next_cursor", "mark", "explanation", "notes")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    EXPLANATION_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    total: int
    next_cursor: str
    mark: int
    explanation: Explanation
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., total: _Optional[int] = ..., next_cursor: _Optional[str] = ..., mark: _Optional[int] = ..., explanation: _Optional[_Union[Explanation, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ExplainRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ...) -> None: ...

class Explanation(_message.Message):
    __slots__ = ("arrived", "held", "evicted", "reset", "services", "terms", "failing", "nearest", "nearest_among", "nearest_keys", "refused", "other_projects", "evidence", "findings", "traces", "nearest_trace", "tree", "explorer", "lines", "notes")
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    EVICTED_FIELD_NUMBER: _ClassVar[int]
    RESET_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    TERMS_FIELD_NUMBER: _ClassVar[int]
    FAILING_FIELD_NUMBER: _ClassVar[int]
    NEAREST_FIELD_NUMBER: _ClassVar[int]
    NEAREST_AMONG_FIELD_NUMBER: _ClassVar[int]
    NEAREST_KEYS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    OTHER_PROJECTS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    NEAREST_TRACE_FIELD_NUMBER: _ClassVar[int]
    TREE_FIELD_NUMBER: _ClassVar[int]
    EXPLORER_FIELD_NUMBER: _ClassVar[int]
    LINES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    arrived: int
    held: int
    evicted: int
    reset: int
    services: _containers.RepeatedCompositeFieldContainer[Suggestion]
    terms: _containers.RepeatedCompositeFieldContainer[Step]
    failing: int
    nearest: _containers.RepeatedCompositeFieldContainer[Suggestion]
    nearest_among: int
    nearest_keys: _containers.RepeatedCompositeFieldContainer[Suggestion]
    refused: _containers.RepeatedScalarFieldContainer[str]
    other_projects: _containers.RepeatedScalarFieldContainer[str]
    evidence: Evidence
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    traces: int
    nearest_trace: str
    tree: _containers.RepeatedScalarFieldContainer[str]
    explorer: str
    lines: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, arrived: _Optional[int] = ..., held: _Optional[int] = ..., evicted: _Optional[int] = ..., reset: _Optional[int] = ..., services: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., terms: _Optional[_Iterable[_Union[Step, _Mapping]]] = ..., failing: _Optional[int] = ..., nearest: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., nearest_among: _Optional[int] = ..., nearest_keys: _Optional[_Iterable[_Union[Suggestion, _Mapping]]] = ..., refused: _Optional[_Iterable[str]] = ..., other_projects: _Optional[_Iterable[str]] = ..., evidence: _Optional[_Union[Evidence, _Mapping]] = ..., findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., traces: _Optional[int] = ..., nearest_trace: _Optional[str] = ..., tree: _Optional[_Iterable[str]] = ..., explorer: _Optional[str] = ..., lines: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class ChecksRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ...) -> None: ...

class Checks(_message.Message):
    __slots__ = ("findings", "notes")
    FINDINGS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    findings: _containers.RepeatedCompositeFieldContainer[Finding]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, findings: _Optional[_Iterable[_Union[Finding, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class HistogramRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "layers", "overlay", "overlay_in")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_IN_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    layers: str
    overlay: str
    overlay_in: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., layers: _Optional[str] = ..., overlay: _Optional[str] = ..., overlay_in: _Optional[str] = ...) -> None: ...

class LatencyHistogram(_message.Message):
    __slots__ = ("buckets", "percentiles", "count", "errors", "traces", "oldest_us", "newest_us", "layers", "overlay", "notes")
    class PercentilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    NEWEST_US_FIELD_NUMBER: _ClassVar[int]
    LAYERS_FIELD_NUMBER: _ClassVar[int]
    OVERLAY_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedCompositeFieldContainer[Bucket]
    percentiles: _containers.ScalarMap[str, int]
    count: int
    errors: int
    traces: int
    oldest_us: int
    newest_us: int
    layers: _containers.RepeatedCompositeFieldContainer[Layer]
    overlay: Overlay
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, buckets: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ..., percentiles: _Optional[_Mapping[str, int]] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ..., traces: _Optional[int] = ..., oldest_us: _Optional[int] = ..., newest_us: _Optional[int] = ..., layers: _Optional[_Iterable[_Union[Layer, _Mapping]]] = ..., overlay: _Optional[_Union[Overlay, _Mapping]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class HeatMapRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "columns")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    columns: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class HeatMap(_message.Message):
    __slots__ = ("from_us", "to_us", "step_us", "columns", "count", "errors", "notes")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    STEP_US_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    to_us: int
    step_us: int
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    count: int
    errors: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., step_us: _Optional[int] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class GroupsRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "filter", "whole", "by", "order", "limit", "offset")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FILTER_FIELD_NUMBER: _ClassVar[int]
    WHOLE_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    filter: str
    whole: bool
    by: str
    order: str
    limit: int
    offset: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., filter: _Optional[str] = ..., whole: _Optional[bool] = ..., by: _Optional[str] = ..., order: _Optional[str] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class GroupTable(_message.Message):
    __slots__ = ("by", "groups", "total", "notes")
    BY_FIELD_NUMBER: _ClassVar[int]
    GROUPS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    by: _containers.RepeatedScalarFieldContainer[str]
    groups: _containers.RepeatedCompositeFieldContainer[GroupRow]
    total: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, by: _Optional[_Iterable[str]] = ..., groups: _Optional[_Iterable[_Union[GroupRow, _Mapping]]] = ..., total: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class CorrelationsRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "of", "from_us", "to_us", "from_percentile", "from_start_us", "to_start_us", "min_support", "limit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    FROM_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    FROM_START_US_FIELD_NUMBER: _ClassVar[int]
    TO_START_US_FIELD_NUMBER: _ClassVar[int]
    MIN_SUPPORT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    of: str
    from_us: int
    to_us: int
    from_percentile: str
    from_start_us: int
    to_start_us: int
    min_support: int
    limit: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., of: _Optional[str] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., from_percentile: _Optional[str] = ..., from_start_us: _Optional[int] = ..., to_start_us: _Optional[int] = ..., min_support: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class Correlations(_message.Message):
    __slots__ = ("correlations", "total", "in_traces", "out_traces", "traces", "from_us", "to_us", "reason", "notes")
    CORRELATIONS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    IN_TRACES_FIELD_NUMBER: _ClassVar[int]
    OUT_TRACES_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    correlations: _containers.RepeatedCompositeFieldContainer[Correlation]
    total: int
    in_traces: int
    out_traces: int
    traces: int
    from_us: int
    to_us: int
    reason: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, correlations: _Optional[_Iterable[_Union[Correlation, _Mapping]]] = ..., total: _Optional[int] = ..., in_traces: _Optional[int] = ..., out_traces: _Optional[int] = ..., traces: _Optional[int] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., reason: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class DiagramRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "format", "inferred", "inferred_by")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    INFERRED_BY_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    format: str
    inferred: bool
    inferred_by: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., format: _Optional[str] = ..., inferred: _Optional[bool] = ..., inferred_by: _Optional[str] = ...) -> None: ...

class Diagram(_message.Message):
    __slots__ = ("nodes", "edges", "spans", "traces", "traces_used", "notes")
    NODES_FIELD_NUMBER: _ClassVar[int]
    EDGES_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    TRACES_USED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    nodes: _containers.RepeatedCompositeFieldContainer[Node]
    edges: _containers.RepeatedCompositeFieldContainer[Edge]
    spans: int
    traces: int
    traces_used: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, nodes: _Optional[_Iterable[_Union[Node, _Mapping]]] = ..., edges: _Optional[_Iterable[_Union[Edge, _Mapping]]] = ..., spans: _Optional[int] = ..., traces: _Optional[int] = ..., traces_used: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class DrawDiagramRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "format", "inferred", "inferred_by")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    INFERRED_BY_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    format: str
    inferred: bool
    inferred_by: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., format: _Optional[str] = ..., inferred: _Optional[bool] = ..., inferred_by: _Optional[str] = ...) -> None: ...

class File(_message.Message):
    __slots__ = ("content", "media_type")
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    content: bytes
    media_type: str
    def __init__(self, content: _Optional[bytes] = ..., media_type: _Optional[str] = ...) -> None: ...

class TracesRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "order", "limit", "offset")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    ORDER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    OFFSET_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    order: str
    limit: int
    offset: int
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., order: _Optional[str] = ..., limit: _Optional[int] = ..., offset: _Optional[int] = ...) -> None: ...

class TraceList(_message.Message):
    __slots__ = ("traces", "total", "notes")
    TRACES_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    traces: _containers.RepeatedCompositeFieldContainer[ListedTrace]
    total: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, traces: _Optional[_Iterable[_Union[ListedTrace, _Mapping]]] = ..., total: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class TraceRequest(_message.Message):
    __slots__ = ("project", "trace_id", "snapshot", "limit", "cursor")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    project: str
    trace_id: str
    snapshot: str
    limit: int
    cursor: str
    def __init__(self, project: _Optional[str] = ..., trace_id: _Optional[str] = ..., snapshot: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ...) -> None: ...

class Trace(_message.Message):
    __slots__ = ("trace_id", "spans", "total", "next_cursor")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    total: int
    next_cursor: str
    def __init__(self, trace_id: _Optional[str] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., total: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class TraceTreeRequest(_message.Message):
    __slots__ = ("project", "trace_id", "snapshot", "limit", "cursor", "join", "below", "row", "span")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    CURSOR_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    SPAN_FIELD_NUMBER: _ClassVar[int]
    project: str
    trace_id: str
    snapshot: str
    limit: int
    cursor: str
    join: bool
    below: str
    row: int
    span: str
    def __init__(self, project: _Optional[str] = ..., trace_id: _Optional[str] = ..., snapshot: _Optional[str] = ..., limit: _Optional[int] = ..., cursor: _Optional[str] = ..., join: _Optional[bool] = ..., below: _Optional[str] = ..., row: _Optional[int] = ..., span: _Optional[str] = ...) -> None: ...

class TraceTree(_message.Message):
    __slots__ = ("trace_id", "trace_ids", "start_us", "duration_us", "root", "spans", "errors", "depth", "missing", "duplicates", "skewed", "joined", "services", "notes", "rows", "total", "next_cursor")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_IDS_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    SKEWED_FIELD_NUMBER: _ClassVar[int]
    JOINED_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    ROWS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    trace_ids: _containers.RepeatedScalarFieldContainer[str]
    start_us: int
    duration_us: int
    root: int
    spans: int
    errors: int
    depth: int
    missing: int
    duplicates: int
    skewed: int
    joined: int
    services: _containers.RepeatedCompositeFieldContainer[TraceService]
    notes: _containers.RepeatedScalarFieldContainer[str]
    rows: _containers.RepeatedCompositeFieldContainer[TreeRow]
    total: int
    next_cursor: str
    def __init__(self, trace_id: _Optional[str] = ..., trace_ids: _Optional[_Iterable[str]] = ..., start_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., root: _Optional[int] = ..., spans: _Optional[int] = ..., errors: _Optional[int] = ..., depth: _Optional[int] = ..., missing: _Optional[int] = ..., duplicates: _Optional[int] = ..., skewed: _Optional[int] = ..., joined: _Optional[int] = ..., services: _Optional[_Iterable[_Union[TraceService, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ..., rows: _Optional[_Iterable[_Union[TreeRow, _Mapping]]] = ..., total: _Optional[int] = ..., next_cursor: _Optional[str] = ...) -> None: ...

class CriticalPathRequest(_message.Message):
    __slots__ = ("project", "trace_id", "snapshot", "join")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    project: str
    trace_id: str
    snapshot: str
    join: bool
    def __init__(self, project: _Optional[str] = ..., trace_id: _Optional[str] = ..., snapshot: _Optional[str] = ..., join: _Optional[bool] = ...) -> None: ...

class TracePath(_message.Message):
    __slots__ = ("trace_id", "root", "duration_us", "spans")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    ROOT_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    root: str
    duration_us: int
    spans: _containers.RepeatedCompositeFieldContainer[TreeRow]
    def __init__(self, trace_id: _Optional[str] = ..., root: _Optional[str] = ..., duration_us: _Optional[int] = ..., spans: _Optional[_Iterable[_Union[TreeRow, _Mapping]]] = ...) -> None: ...

class TracePageRequest(_message.Message):
    __slots__ = ("project", "trace_id", "snapshot", "join")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    project: str
    trace_id: str
    snapshot: str
    join: bool
    def __init__(self, project: _Optional[str] = ..., trace_id: _Optional[str] = ..., snapshot: _Optional[str] = ..., join: _Optional[bool] = ...) -> None: ...

class SpanRequest(_message.Message):
    __slots__ = ("project", "trace_id", "span_id", "snapshot", "join", "oldest_us")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    JOIN_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    project: str
    trace_id: str
    span_id: str
    snapshot: str
    join: bool
    oldest_us: int
    def __init__(self, project: _Optional[str] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., snapshot: _Optional[str] = ..., join: _Optional[bool] = ..., oldest_us: _Optional[int] = ...) -> None: ...

class SpanDetail(_message.Message):
    __slots__ = ("span", "row", "comparison")
    SPAN_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    COMPARISON_FIELD_NUMBER: _ClassVar[int]
    span: Span
    row: TreeRow
    comparison: AmongOperation
    def __init__(self, span: _Optional[_Union[Span, _Mapping]] = ..., row: _Optional[_Union[TreeRow, _Mapping]] = ..., comparison: _Optional[_Union[AmongOperation, _Mapping]] = ...) -> None: ...

class RunRequest(_message.Message):
    __slots__ = ("project", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "name", "state", "limit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    name: str
    state: _struct_pb2.Struct
    limit: int
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., name: _Optional[str] = ..., state: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., limit: _Optional[int] = ...) -> None: ...

class Run(_message.Message):
    __slots__ = ("snapshot", "histogram", "page", "removed", "notes")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    PAGE_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    histogram: LatencyHistogram
    page: Page
    removed: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., histogram: _Optional[_Union[LatencyHistogram, _Mapping]] = ..., page: _Optional[_Union[Page, _Mapping]] = ..., removed: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class SnapshotsRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class SnapshotList(_message.Message):
    __slots__ = ("snapshots",)
    SNAPSHOTS_FIELD_NUMBER: _ClassVar[int]
    snapshots: _containers.RepeatedCompositeFieldContainer[Snapshot]
    def __init__(self, snapshots: _Optional[_Iterable[_Union[Snapshot, _Mapping]]] = ...) -> None: ...

class SnapshotRequest(_message.Message):
    __slots__ = ("project", "identifier")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ...) -> None: ...

class Kept(_message.Message):
    __slots__ = ("snapshot", "histogram")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    histogram: LatencyHistogram
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., histogram: _Optional[_Union[LatencyHistogram, _Mapping]] = ...) -> None: ...

class ChangeSnapshotRequest(_message.Message):
    __slots__ = ("project", "identifier", "name", "pinned", "state")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    name: str
    pinned: bool
    state: _struct_pb2.Struct
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ..., name: _Optional[str] = ..., pinned: _Optional[bool] = ..., state: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Snapshot(_message.Message):
    __slots__ = ("id", "project", "query", "canonical", "created_us", "complete_us", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "recall_window_us", "mark", "spans", "errors", "traces", "kept_traces", "kept_spans", "bytes", "pinned", "name", "state", "url", "notes")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_US_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    RECALL_WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    KEPT_TRACES_FIELD_NUMBER: _ClassVar[int]
    KEPT_SPANS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    URL_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    query: str
    canonical: str
    created_us: int
    complete_us: int
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    recall_window_us: int
    mark: int
    spans: int
    errors: int
    traces: int
    kept_traces: int
    kept_spans: int
    bytes: int
    pinned: bool
    name: str
    state: _struct_pb2.Struct
    url: str
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., query: _Optional[str] = ..., canonical: _Optional[str] = ..., created_us: _Optional[int] = ..., complete_us: _Optional[int] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., recall_window_us: _Optional[int] = ..., mark: _Optional[int] = ..., spans: _Optional[int] = ..., errors: _Optional[int] = ..., traces: _Optional[int] = ..., kept_traces: _Optional[int] = ..., kept_spans: _Optional[int] = ..., bytes: _Optional[int] = ..., pinned: _Optional[bool] = ..., name: _Optional[str] = ..., state: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., url: _Optional[str] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class DeleteSnapshotRequest(_message.Message):
    __slots__ = ("project", "identifier")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ...) -> None: ...

class Nothing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompareSnapshotsRequest(_message.Message):
    __slots__ = ("project", "identifier", "other", "by")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    OTHER_FIELD_NUMBER: _ClassVar[int]
    BY_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    other: str
    by: str
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ..., other: _Optional[str] = ..., by: _Optional[str] = ...) -> None: ...

class Comparison(_message.Message):
    __slots__ = ("before", "after", "added_services", "deleted_services", "added_connections", "deleted_connections", "services", "group_by")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    ADDED_SERVICES_FIELD_NUMBER: _ClassVar[int]
    DELETED_SERVICES_FIELD_NUMBER: _ClassVar[int]
    ADDED_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    DELETED_CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    GROUP_BY_FIELD_NUMBER: _ClassVar[int]
    before: str
    after: str
    added_services: _containers.RepeatedScalarFieldContainer[str]
    deleted_services: _containers.RepeatedScalarFieldContainer[str]
    added_connections: _containers.RepeatedCompositeFieldContainer[Connection]
    deleted_connections: _containers.RepeatedCompositeFieldContainer[Connection]
    services: _containers.RepeatedCompositeFieldContainer[ServiceChange]
    group_by: GroupChanges
    def __init__(self, before: _Optional[str] = ..., after: _Optional[str] = ..., added_services: _Optional[_Iterable[str]] = ..., deleted_services: _Optional[_Iterable[str]] = ..., added_connections: _Optional[_Iterable[_Union[Connection, _Mapping]]] = ..., deleted_connections: _Optional[_Iterable[_Union[Connection, _Mapping]]] = ..., services: _Optional[_Iterable[_Union[ServiceChange, _Mapping]]] = ..., group_by: _Optional[_Union[GroupChanges, _Mapping]] = ...) -> None: ...

class ExportSnapshotRequest(_message.Message):
    __slots__ = ("project", "identifier")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ...) -> None: ...

class ImportSnapshotRequest(_message.Message):
    __slots__ = ("project", "content")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    project: str
    content: bytes
    def __init__(self, project: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class SnapshotImported(_message.Message):
    __slots__ = ("snapshot", "removed")
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    snapshot: Snapshot
    removed: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, snapshot: _Optional[_Union[Snapshot, _Mapping]] = ..., removed: _Optional[_Iterable[str]] = ...) -> None: ...

class CreateStreamRequest(_message.Message):
    __slots__ = ("project", "query", "name", "backfill")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    BACKFILL_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    name: str
    backfill: bool
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., name: _Optional[str] = ..., backfill: _Optional[bool] = ...) -> None: ...

class Stream(_message.Message):
    __slots__ = ("id", "project", "name", "query", "canonical", "created_us", "backfilled", "notes")
    ID_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    CANONICAL_FIELD_NUMBER: _ClassVar[int]
    CREATED_US_FIELD_NUMBER: _ClassVar[int]
    BACKFILLED_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    project: str
    name: str
    query: str
    canonical: str
    created_us: int
    backfilled: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., project: _Optional[str] = ..., name: _Optional[str] = ..., query: _Optional[str] = ..., canonical: _Optional[str] = ..., created_us: _Optional[int] = ..., backfilled: _Optional[bool] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamsRequest(_message.Message):
    __slots__ = ("project", "query")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ...) -> None: ...

class StreamList(_message.Message):
    __slots__ = ("streams", "notes")
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    streams: _containers.RepeatedCompositeFieldContainer[Stream]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, streams: _Optional[_Iterable[_Union[Stream, _Mapping]]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class StreamSeriesRequest(_message.Message):
    __slots__ = ("project", "identifier", "oldest_us", "youngest_us", "columns")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    oldest_us: int
    youngest_us: int
    columns: int
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., columns: _Optional[int] = ...) -> None: ...

class Series(_message.Message):
    __slots__ = ("stream", "from_us", "to_us", "step_us", "points", "count", "errors")
    STREAM_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    STEP_US_FIELD_NUMBER: _ClassVar[int]
    POINTS_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    stream: Stream
    from_us: int
    to_us: int
    step_us: int
    points: _containers.RepeatedCompositeFieldContainer[StreamPoint]
    count: int
    errors: int
    def __init__(self, stream: _Optional[_Union[Stream, _Mapping]] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., step_us: _Optional[int] = ..., points: _Optional[_Iterable[_Union[StreamPoint, _Mapping]]] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ...) -> None: ...

class DeleteStreamRequest(_message.Message):
    __slots__ = ("project", "identifier")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFIER_FIELD_NUMBER: _ClassVar[int]
    project: str
    identifier: str
    def __init__(self, project: _Optional[str] = ..., identifier: _Optional[str] = ...) -> None: ...

class TailRequest(_message.Message):
    __slots__ = ("project", "query", "since", "limit", "format")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    since: int
    limit: int
    format: str
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., since: _Optional[int] = ..., limit: _Optional[int] = ..., format: _Optional[str] = ...) -> None: ...

class News(_message.Message):
    __slots__ = ("spans", "arrived", "missed", "mark")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ARRIVED_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    arrived: int
    missed: int
    mark: int
    def __init__(self, spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., arrived: _Optional[int] = ..., missed: _Optional[int] = ..., mark: _Optional[int] = ...) -> None: ...

class MarkRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class Mark(_message.Message):
    __slots__ = ("mark",)
    MARK_FIELD_NUMBER: _ClassVar[int]
    mark: int
    def __init__(self, mark: _Optional[int] = ...) -> None: ...

class ExpectRequest(_message.Message):
    __slots__ = ("project", "query", "since", "count", "timeout_ms", "quiet_ms", "fence", "trace", "explain")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    QUIET_MS_FIELD_NUMBER: _ClassVar[int]
    FENCE_FIELD_NUMBER: _ClassVar[int]
    TRACE_FIELD_NUMBER: _ClassVar[int]
    EXPLAIN_FIELD_NUMBER: _ClassVar[int]
    project: str
    query: str
    since: int
    count: Range
    timeout_ms: int
    quiet_ms: int
    fence: Whose
    trace: Shape
    explain: bool
    def __init__(self, project: _Optional[str] = ..., query: _Optional[str] = ..., since: _Optional[int] = ..., count: _Optional[_Union[Range, _Mapping]] = ..., timeout_ms: _Optional[int] = ..., quiet_ms: _Optional[int] = ..., fence: _Optional[_Union[Whose, _Mapping]] = ..., trace: _Optional[_Union[Shape, _Mapping]] = ..., explain: _Optional[bool] = ...) -> None: ...

class Met(_message.Message):
    __slots__ = ("spans", "total", "mark", "notes")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    total: int
    mark: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., total: _Optional[int] = ..., mark: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class FenceRequest(_message.Message):
    __slots__ = ("project", "services", "timeout_ms")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    TIMEOUT_MS_FIELD_NUMBER: _ClassVar[int]
    project: str
    services: _containers.RepeatedScalarFieldContainer[str]
    timeout_ms: int
    def __init__(self, project: _Optional[str] = ..., services: _Optional[_Iterable[str]] = ..., timeout_ms: _Optional[int] = ...) -> None: ...

class Fenced(_message.Message):
    __slots__ = ("reporters", "mark", "notes")
    REPORTERS_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    reporters: _containers.RepeatedCompositeFieldContainer[ReporterStatus]
    mark: int
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, reporters: _Optional[_Iterable[_Union[ReporterStatus, _Mapping]]] = ..., mark: _Optional[int] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class RequestsRequest(_message.Message):
    __slots__ = ("project", "protocol", "transport", "path", "status", "outcome", "service", "reporter", "since", "after", "limit")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    project: str
    protocol: str
    transport: str
    path: str
    status: str
    outcome: str
    service: str
    reporter: str
    since: int
    after: int
    limit: int
    def __init__(self, project: _Optional[str] = ..., protocol: _Optional[str] = ..., transport: _Optional[str] = ..., path: _Optional[str] = ..., status: _Optional[str] = ..., outcome: _Optional[str] = ..., service: _Optional[str] = ..., reporter: _Optional[str] = ..., since: _Optional[int] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class RequestList(_message.Message):
    __slots__ = ("requests", "total", "logged")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    LOGGED_FIELD_NUMBER: _ClassVar[int]
    requests: _containers.RepeatedCompositeFieldContainer[LoggedRequest]
    total: int
    logged: bool
    def __init__(self, requests: _Optional[_Iterable[_Union[LoggedRequest, _Mapping]]] = ..., total: _Optional[int] = ..., logged: _Optional[bool] = ...) -> None: ...

class RequestRequest(_message.Message):
    __slots__ = ("project", "number")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    project: str
    number: str
    def __init__(self, project: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class RequestDetail(_message.Message):
    __slots__ = ("request", "headers", "answer_type", "answer_text", "answer_hex")
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    HEADERS_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TYPE_FIELD_NUMBER: _ClassVar[int]
    ANSWER_TEXT_FIELD_NUMBER: _ClassVar[int]
    ANSWER_HEX_FIELD_NUMBER: _ClassVar[int]
    request: LoggedRequest
    headers: _containers.RepeatedCompositeFieldContainer[Header]
    answer_type: str
    answer_text: str
    answer_hex: str
    def __init__(self, request: _Optional[_Union[LoggedRequest, _Mapping]] = ..., headers: _Optional[_Iterable[_Union[Header, _Mapping]]] = ..., answer_type: _Optional[str] = ..., answer_text: _Optional[str] = ..., answer_hex: _Optional[str] = ...) -> None: ...

class RequestBodyRequest(_message.Message):
    __slots__ = ("project", "number")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    project: str
    number: str
    def __init__(self, project: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class DecodeRequestRequest(_message.Message):
    __slots__ = ("project", "number")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    project: str
    number: str
    def __init__(self, project: _Optional[str] = ..., number: _Optional[str] = ...) -> None: ...

class DecodedRequest(_message.Message):
    __slots__ = ("protocol", "service", "attributes", "spans", "total", "dropped", "counters", "warnings", "error")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    service: str
    attributes: _containers.ScalarMap[str, str]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    total: int
    dropped: _containers.ScalarMap[str, int]
    counters: _containers.ScalarMap[str, float]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    error: str
    def __init__(self, protocol: _Optional[str] = ..., service: _Optional[str] = ..., attributes: _Optional[_Mapping[str, str]] = ..., spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., total: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., counters: _Optional[_Mapping[str, float]] = ..., warnings: _Optional[_Iterable[str]] = ..., error: _Optional[str] = ...) -> None: ...

class StrangeRequestsRequest(_message.Message):
    __slots__ = ("protocol", "transport", "path", "status", "outcome", "service", "reporter", "since", "after", "limit")
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    LIMIT_FIELD_NUMBER: _ClassVar[int]
    protocol: str
    transport: str
    path: str
    status: str
    outcome: str
    service: str
    reporter: str
    since: int
    after: int
    limit: int
    def __init__(self, protocol: _Optional[str] = ..., transport: _Optional[str] = ..., path: _Optional[str] = ..., status: _Optional[str] = ..., outcome: _Optional[str] = ..., service: _Optional[str] = ..., reporter: _Optional[str] = ..., since: _Optional[int] = ..., after: _Optional[int] = ..., limit: _Optional[int] = ...) -> None: ...

class StrangeRequestRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: str
    def __init__(self, number: _Optional[str] = ...) -> None: ...

class StrangeRequestBodyRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: str
    def __init__(self, number: _Optional[str] = ...) -> None: ...

class DecodeStrangeRequestRequest(_message.Message):
    __slots__ = ("number",)
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    number: str
    def __init__(self, number: _Optional[str] = ...) -> None: ...

class ReportersRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class ReporterList(_message.Message):
    __slots__ = ("reporters",)
    REPORTERS_FIELD_NUMBER: _ClassVar[int]
    reporters: _containers.RepeatedCompositeFieldContainer[ReporterStatus]
    def __init__(self, reporters: _Optional[_Iterable[_Union[ReporterStatus, _Mapping]]] = ...) -> None: ...

class AddFaultRequest(_message.Message):
    __slots__ = ("project", "status", "grpc_status", "retry_after_ms", "body", "commands", "errors", "warnings", "infos", "no_timestamps", "skew_ms", "delay_ms", "jitter_ms", "read_delay_ms", "bytes_per_second", "connection", "streams", "tls", "accept", "drop", "size_limit_bytes", "duplicate", "strict", "protocol", "transport", "path", "port", "peer", "reporter", "after", "times", "for_ms", "probability", "seed", "name")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GRPC_STATUS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    INFOS_FIELD_NUMBER: _ClassVar[int]
    NO_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SKEW_MS_FIELD_NUMBER: _ClassVar[int]
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    JITTER_MS_FIELD_NUMBER: _ClassVar[int]
    READ_DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    SIZE_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    FOR_MS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    project: str
    status: int
    grpc_status: str
    retry_after_ms: int
    body: str
    commands: _containers.RepeatedScalarFieldContainer[str]
    errors: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    infos: _containers.RepeatedScalarFieldContainer[str]
    no_timestamps: bool
    skew_ms: int
    delay_ms: float
    jitter_ms: int
    read_delay_ms: int
    bytes_per_second: int
    connection: str
    streams: int
    tls: str
    accept: int
    drop: float
    size_limit_bytes: int
    duplicate: bool
    strict: bool
    protocol: str
    transport: str
    path: str
    port: int
    peer: str
    reporter: str
    after: int
    times: int
    for_ms: int
    probability: float
    seed: int
    name: str
    def __init__(self, project: _Optional[str] = ..., status: _Optional[int] = ..., grpc_status: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., body: _Optional[str] = ..., commands: _Optional[_Iterable[str]] = ..., errors: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ..., infos: _Optional[_Iterable[str]] = ..., no_timestamps: _Optional[bool] = ..., skew_ms: _Optional[int] = ..., delay_ms: _Optional[float] = ..., jitter_ms: _Optional[int] = ..., read_delay_ms: _Optional[int] = ..., bytes_per_second: _Optional[int] = ..., connection: _Optional[str] = ..., streams: _Optional[int] = ..., tls: _Optional[str] = ..., accept: _Optional[int] = ..., drop: _Optional[float] = ..., size_limit_bytes: _Optional[int] = ..., duplicate: _Optional[bool] = ..., strict: _Optional[bool] = ..., protocol: _Optional[str] = ..., transport: _Optional[str] = ..., path: _Optional[str] = ..., port: _Optional[int] = ..., peer: _Optional[str] = ..., reporter: _Optional[str] = ..., after: _Optional[int] = ..., times: _Optional[int] = ..., for_ms: _Optional[int] = ..., probability: _Optional[float] = ..., seed: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class FaultList(_message.Message):
    __slots__ = ("faults", "profiles", "notes")
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    PROFILES_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    faults: _containers.RepeatedCompositeFieldContainer[Listed]
    profiles: _containers.RepeatedScalarFieldContainer[str]
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, faults: _Optional[_Iterable[_Union[Listed, _Mapping]]] = ..., profiles: _Optional[_Iterable[str]] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class FaultsRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class RemoveFaultRequest(_message.Message):
    __slots__ = ("project", "fault_id")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FAULT_ID_FIELD_NUMBER: _ClassVar[int]
    project: str
    fault_id: str
    def __init__(self, project: _Optional[str] = ..., fault_id: _Optional[str] = ...) -> None: ...

class RemoveFaultsRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class ExportRequest(_message.Message):
    __slots__ = ("project", "snapshot", "query", "oldest_us", "youngest_us", "min_latency_us", "max_latency_us", "percentile", "since", "format")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    QUERY_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    YOUNGEST_US_FIELD_NUMBER: _ClassVar[int]
    MIN_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    MAX_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    project: str
    snapshot: str
    query: str
    oldest_us: int
    youngest_us: int
    min_latency_us: int
    max_latency_us: int
    percentile: str
    since: int
    format: str
    def __init__(self, project: _Optional[str] = ..., snapshot: _Optional[str] = ..., query: _Optional[str] = ..., oldest_us: _Optional[int] = ..., youngest_us: _Optional[int] = ..., min_latency_us: _Optional[int] = ..., max_latency_us: _Optional[int] = ..., percentile: _Optional[str] = ..., since: _Optional[int] = ..., format: _Optional[str] = ...) -> None: ...

class ImportRequest(_message.Message):
    __slots__ = ("project", "format", "content")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    project: str
    format: _struct_pb2.Value
    content: bytes
    def __init__(self, project: _Optional[str] = ..., format: _Optional[_Union[_struct_pb2.Value, _Mapping]] = ..., content: _Optional[bytes] = ...) -> None: ...

class Imported(_message.Message):
    __slots__ = ("spans", "new", "repeated", "replaced", "merged", "dropped", "warnings", "format", "found", "failed")
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    SPANS_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    REPEATED_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    MERGED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    FOUND_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    spans: int
    new: int
    repeated: int
    replaced: int
    merged: int
    dropped: _containers.ScalarMap[str, int]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    format: str
    found: str
    failed: int
    def __init__(self, spans: _Optional[int] = ..., new: _Optional[int] = ..., repeated: _Optional[int] = ..., replaced: _Optional[int] = ..., merged: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., warnings: _Optional[_Iterable[str]] = ..., format: _Optional[str] = ..., found: _Optional[str] = ..., failed: _Optional[int] = ...) -> None: ...

class ResetRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class Removed(_message.Message):
    __slots__ = ("removed",)
    REMOVED_FIELD_NUMBER: _ClassVar[int]
    removed: int
    def __init__(self, removed: _Optional[int] = ...) -> None: ...

class DropRequest(_message.Message):
    __slots__ = ("project",)
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    project: str
    def __init__(self, project: _Optional[str] = ...) -> None: ...

class Ledger(_message.Message):
    __slots__ = ("received", "stored", "dropped", "evicted", "duplicates")
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    RECEIVED_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    EVICTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    received: int
    stored: int
    dropped: _containers.ScalarMap[str, int]
    evicted: int
    duplicates: int
    def __init__(self, received: _Optional[int] = ..., stored: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., evicted: _Optional[int] = ..., duplicates: _Optional[int] = ...) -> None: ...

class ServiceWindow(_message.Message):
    __slots__ = ("service", "spans", "recall_window_us")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    RECALL_WINDOW_US_FIELD_NUMBER: _ClassVar[int]
    service: str
    spans: int
    recall_window_us: int
    def __init__(self, service: _Optional[str] = ..., spans: _Optional[int] = ..., recall_window_us: _Optional[int] = ...) -> None: ...

class Service(_message.Message):
    __slots__ = ("spans", "errors", "error_ratio", "ops_per_s", "avg_latency_us", "p50_us", "p95_us", "p99_us", "series", "service", "slot", "operations")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    OPS_PER_S_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    spans: int
    errors: int
    error_ratio: float
    ops_per_s: float
    avg_latency_us: float
    p50_us: int
    p95_us: int
    p99_us: int
    series: _containers.RepeatedCompositeFieldContainer[Point]
    service: str
    slot: int
    operations: int
    def __init__(self, spans: _Optional[int] = ..., errors: _Optional[int] = ..., error_ratio: _Optional[float] = ..., ops_per_s: _Optional[float] = ..., avg_latency_us: _Optional[float] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ..., p99_us: _Optional[int] = ..., series: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., service: _Optional[str] = ..., slot: _Optional[int] = ..., operations: _Optional[int] = ...) -> None: ...

class Operation(_message.Message):
    __slots__ = ("spans", "errors", "error_ratio", "ops_per_s", "avg_latency_us", "p50_us", "p95_us", "p99_us", "series", "operation", "kind", "direction", "exemplar_span_ids")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    OPS_PER_S_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    SERIES_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    DIRECTION_FIELD_NUMBER: _ClassVar[int]
    EXEMPLAR_SPAN_IDS_FIELD_NUMBER: _ClassVar[int]
    spans: int
    errors: int
    error_ratio: float
    ops_per_s: float
    avg_latency_us: float
    p50_us: int
    p95_us: int
    p99_us: int
    series: _containers.RepeatedCompositeFieldContainer[Point]
    operation: str
    kind: str
    direction: str
    exemplar_span_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, spans: _Optional[int] = ..., errors: _Optional[int] = ..., error_ratio: _Optional[float] = ..., ops_per_s: _Optional[float] = ..., avg_latency_us: _Optional[float] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ..., p99_us: _Optional[int] = ..., series: _Optional[_Iterable[_Union[Point, _Mapping]]] = ..., operation: _Optional[str] = ..., kind: _Optional[str] = ..., direction: _Optional[str] = ..., exemplar_span_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class Suggestion(_message.Message):
    __slots__ = ("value", "spans", "errors", "distinct")
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    DISTINCT_FIELD_NUMBER: _ClassVar[int]
    value: str
    spans: int
    errors: int
    distinct: int
    def __init__(self, value: _Optional[str] = ..., spans: _Optional[int] = ..., errors: _Optional[int] = ..., distinct: _Optional[int] = ...) -> None: ...

class Span(_message.Message):
    __slots__ = ("trace_id", "span_id", "parent_span_id", "service", "operation", "kind", "start_us", "duration_us", "error", "tags", "logs", "references", "reporter", "protocol", "mark", "marks", "extra", "duration_ns")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    LOGS_FIELD_NUMBER: _ClassVar[int]
    REFERENCES_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    MARKS_FIELD_NUMBER: _ClassVar[int]
    EXTRA_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    span_id: str
    parent_span_id: str
    service: str
    operation: str
    kind: str
    start_us: int
    duration_us: int
    error: bool
    tags: _struct_pb2.Struct
    logs: _containers.RepeatedCompositeFieldContainer[Log]
    references: _containers.RepeatedCompositeFieldContainer[Reference]
    reporter: ReporterView
    protocol: str
    mark: int
    marks: _containers.RepeatedScalarFieldContainer[str]
    extra: _struct_pb2.Struct
    duration_ns: int
    def __init__(self, trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., parent_span_id: _Optional[str] = ..., service: _Optional[str] = ..., operation: _Optional[str] = ..., kind: _Optional[str] = ..., start_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., error: _Optional[bool] = ..., tags: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., logs: _Optional[_Iterable[_Union[Log, _Mapping]]] = ..., references: _Optional[_Iterable[_Union[Reference, _Mapping]]] = ..., reporter: _Optional[_Union[ReporterView, _Mapping]] = ..., protocol: _Optional[str] = ..., mark: _Optional[int] = ..., marks: _Optional[_Iterable[str]] = ..., extra: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ..., duration_ns: _Optional[int] = ...) -> None: ...

class Step(_message.Message):
    __slots__ = ("term", "spans", "alone")
    TERM_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ALONE_FIELD_NUMBER: _ClassVar[int]
    term: str
    spans: int
    alone: int
    def __init__(self, term: _Optional[str] = ..., spans: _Optional[int] = ..., alone: _Optional[int] = ...) -> None: ...

class Evidence(_message.Message):
    __slots__ = ("connections", "earlier", "requests", "stored", "faults", "aborted", "refused", "strangers", "elsewhere", "troubles")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    EARLIER_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    FAULTS_FIELD_NUMBER: _ClassVar[int]
    ABORTED_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    STRANGERS_FIELD_NUMBER: _ClassVar[int]
    ELSEWHERE_FIELD_NUMBER: _ClassVar[int]
    TROUBLES_FIELD_NUMBER: _ClassVar[int]
    connections: int
    earlier: int
    requests: int
    stored: int
    faults: int
    aborted: int
    refused: _containers.RepeatedCompositeFieldContainer[Refused]
    strangers: int
    elsewhere: _containers.RepeatedCompositeFieldContainer[Elsewhere]
    troubles: _containers.RepeatedCompositeFieldContainer[Troubled]
    def __init__(self, connections: _Optional[int] = ..., earlier: _Optional[int] = ..., requests: _Optional[int] = ..., stored: _Optional[int] = ..., faults: _Optional[int] = ..., aborted: _Optional[int] = ..., refused: _Optional[_Iterable[_Union[Refused, _Mapping]]] = ..., strangers: _Optional[int] = ..., elsewhere: _Optional[_Iterable[_Union[Elsewhere, _Mapping]]] = ..., troubles: _Optional[_Iterable[_Union[Troubled, _Mapping]]] = ...) -> None: ...

class Finding(_message.Message):
    __slots__ = ("name", "severity", "message", "advice", "spans", "services", "examples")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SEVERITY_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    EXAMPLES_FIELD_NUMBER: _ClassVar[int]
    name: str
    severity: str
    message: str
    advice: str
    spans: int
    services: _containers.RepeatedScalarFieldContainer[str]
    examples: _containers.RepeatedCompositeFieldContainer[Example]
    def __init__(self, name: _Optional[str] = ..., severity: _Optional[str] = ..., message: _Optional[str] = ..., advice: _Optional[str] = ..., spans: _Optional[int] = ..., services: _Optional[_Iterable[str]] = ..., examples: _Optional[_Iterable[_Union[Example, _Mapping]]] = ...) -> None: ...

class Bucket(_message.Message):
    __slots__ = ("index", "from_us", "to_us", "count", "errors")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    index: int
    from_us: float
    to_us: float
    count: int
    errors: int
    def __init__(self, index: _Optional[int] = ..., from_us: _Optional[float] = ..., to_us: _Optional[float] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ...) -> None: ...

class Layer(_message.Message):
    __slots__ = ("name", "from_us", "to_us", "scale", "histogram", "reason")
    NAME_FIELD_NUMBER: _ClassVar[int]
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    TO_US_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    name: str
    from_us: int
    to_us: int
    scale: float
    histogram: Histogram
    reason: str
    def __init__(self, name: _Optional[str] = ..., from_us: _Optional[int] = ..., to_us: _Optional[int] = ..., scale: _Optional[float] = ..., histogram: _Optional[_Union[Histogram, _Mapping]] = ..., reason: _Optional[str] = ...) -> None: ...

class Overlay(_message.Message):
    __slots__ = ("count", "errors", "buckets")
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    count: int
    errors: int
    buckets: _containers.RepeatedCompositeFieldContainer[Cell]
    def __init__(self, count: _Optional[int] = ..., errors: _Optional[int] = ..., buckets: _Optional[_Iterable[_Union[Cell, _Mapping]]] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("from_us", "count", "errors", "percentiles", "cells")
    class PercentilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    CELLS_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    count: int
    errors: int
    percentiles: _containers.ScalarMap[str, int]
    cells: _containers.RepeatedCompositeFieldContainer[Cell]
    def __init__(self, from_us: _Optional[int] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ..., percentiles: _Optional[_Mapping[str, int]] = ..., cells: _Optional[_Iterable[_Union[Cell, _Mapping]]] = ...) -> None: ...

class GroupRow(_message.Message):
    __slots__ = ("values", "count", "exemplars", "errors", "error_ratio", "avg_latency_us", "sum_us", "p50_us", "p95_us", "p99_us", "traces", "exemplar_span_ids", "buckets", "ops_per_s")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    EXEMPLARS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    SUM_US_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    EXEMPLAR_SPAN_IDS_FIELD_NUMBER: _ClassVar[int]
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    OPS_PER_S_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    count: int
    exemplars: int
    errors: int
    error_ratio: float
    avg_latency_us: float
    sum_us: int
    p50_us: int
    p95_us: int
    p99_us: int
    traces: int
    exemplar_span_ids: _containers.RepeatedScalarFieldContainer[str]
    buckets: _containers.RepeatedCompositeFieldContainer[Cell]
    ops_per_s: float
    def __init__(self, values: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ..., count: _Optional[int] = ..., exemplars: _Optional[int] = ..., errors: _Optional[int] = ..., error_ratio: _Optional[float] = ..., avg_latency_us: _Optional[float] = ..., sum_us: _Optional[int] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ..., p99_us: _Optional[int] = ..., traces: _Optional[int] = ..., exemplar_span_ids: _Optional[_Iterable[str]] = ..., buckets: _Optional[_Iterable[_Union[Cell, _Mapping]]] = ..., ops_per_s: _Optional[float] = ...) -> None: ...

class Correlation(_message.Message):
    __slots__ = ("kind", "key", "value", "span_kind", "score", "in_share", "out_share", "in_traces", "out_traces", "same")
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    SPAN_KIND_FIELD_NUMBER: _ClassVar[int]
    SCORE_FIELD_NUMBER: _ClassVar[int]
    IN_SHARE_FIELD_NUMBER: _ClassVar[int]
    OUT_SHARE_FIELD_NUMBER: _ClassVar[int]
    IN_TRACES_FIELD_NUMBER: _ClassVar[int]
    OUT_TRACES_FIELD_NUMBER: _ClassVar[int]
    SAME_FIELD_NUMBER: _ClassVar[int]
    kind: str
    key: str
    value: str
    span_kind: str
    score: float
    in_share: float
    out_share: float
    in_traces: int
    out_traces: int
    same: _containers.RepeatedCompositeFieldContainer[Attribute]
    def __init__(self, kind: _Optional[str] = ..., key: _Optional[str] = ..., value: _Optional[str] = ..., span_kind: _Optional[str] = ..., score: _Optional[float] = ..., in_share: _Optional[float] = ..., out_share: _Optional[float] = ..., in_traces: _Optional[int] = ..., out_traces: _Optional[int] = ..., same: _Optional[_Iterable[_Union[Attribute, _Mapping]]] = ...) -> None: ...

class Node(_message.Message):
    __slots__ = ("service_name", "span_count", "error_count", "avg_latency_us", "latency_contribution_us", "latency_contribution_pct", "queried", "inferred", "has_missing_parent", "layer", "operations", "operations_total")
    SERVICE_NAME_FIELD_NUMBER: _ClassVar[int]
    SPAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    LATENCY_CONTRIBUTION_US_FIELD_NUMBER: _ClassVar[int]
    LATENCY_CONTRIBUTION_PCT_FIELD_NUMBER: _ClassVar[int]
    QUERIED_FIELD_NUMBER: _ClassVar[int]
    INFERRED_FIELD_NUMBER: _ClassVar[int]
    HAS_MISSING_PARENT_FIELD_NUMBER: _ClassVar[int]
    LAYER_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_TOTAL_FIELD_NUMBER: _ClassVar[int]
    service_name: str
    span_count: int
    error_count: int
    avg_latency_us: float
    latency_contribution_us: float
    latency_contribution_pct: float
    queried: bool
    inferred: bool
    has_missing_parent: bool
    layer: int
    operations: _containers.RepeatedCompositeFieldContainer[NodeOperation]
    operations_total: int
    def __init__(self, service_name: _Optional[str] = ..., span_count: _Optional[int] = ..., error_count: _Optional[int] = ..., avg_latency_us: _Optional[float] = ..., latency_contribution_us: _Optional[float] = ..., latency_contribution_pct: _Optional[float] = ..., queried: _Optional[bool] = ..., inferred: _Optional[bool] = ..., has_missing_parent: _Optional[bool] = ..., layer: _Optional[int] = ..., operations: _Optional[_Iterable[_Union[NodeOperation, _Mapping]]] = ..., operations_total: _Optional[int] = ...) -> None: ...

class Edge(_message.Message):
    __slots__ = ("to", "calls", "errors", "avg_latency_us")
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    CALLS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    to: str
    calls: int
    errors: int
    avg_latency_us: float
    def __init__(self, to: _Optional[str] = ..., calls: _Optional[int] = ..., errors: _Optional[int] = ..., avg_latency_us: _Optional[float] = ..., **kwargs) -> None: ...

class ListedTrace(_message.Message):
    __slots__ = ("trace_id", "service", "operation", "start_us", "duration_us", "spans", "matched", "errors", "services", "complete")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    MATCHED_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    service: str
    operation: str
    start_us: int
    duration_us: int
    spans: int
    matched: int
    errors: int
    services: int
    complete: bool
    def __init__(self, trace_id: _Optional[str] = ..., service: _Optional[str] = ..., operation: _Optional[str] = ..., start_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., spans: _Optional[int] = ..., matched: _Optional[int] = ..., errors: _Optional[int] = ..., services: _Optional[int] = ..., complete: _Optional[bool] = ...) -> None: ...

class TraceService(_message.Message):
    __slots__ = ("service", "spans", "errors", "path_us", "path_share")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    PATH_US_FIELD_NUMBER: _ClassVar[int]
    PATH_SHARE_FIELD_NUMBER: _ClassVar[int]
    service: str
    spans: int
    errors: int
    path_us: float
    path_share: float
    def __init__(self, service: _Optional[str] = ..., spans: _Optional[int] = ..., errors: _Optional[int] = ..., path_us: _Optional[float] = ..., path_share: _Optional[float] = ...) -> None: ...

class TreeRow(_message.Message):
    __slots__ = ("row", "parent", "depth", "children", "below", "errors_below", "trace_id", "span_id", "service", "operation", "kind", "component", "start_us", "offset_us", "duration_us", "error", "missing", "path_us", "path_share", "segments", "self_us", "self_share", "skew_us", "shift_us", "pair", "joined_by", "duration_ns", "logs_us")
    ROW_FIELD_NUMBER: _ClassVar[int]
    PARENT_FIELD_NUMBER: _ClassVar[int]
    DEPTH_FIELD_NUMBER: _ClassVar[int]
    CHILDREN_FIELD_NUMBER: _ClassVar[int]
    BELOW_FIELD_NUMBER: _ClassVar[int]
    ERRORS_BELOW_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    COMPONENT_FIELD_NUMBER: _ClassVar[int]
    START_US_FIELD_NUMBER: _ClassVar[int]
    OFFSET_US_FIELD_NUMBER: _ClassVar[int]
    DURATION_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    PATH_US_FIELD_NUMBER: _ClassVar[int]
    PATH_SHARE_FIELD_NUMBER: _ClassVar[int]
    SEGMENTS_FIELD_NUMBER: _ClassVar[int]
    SELF_US_FIELD_NUMBER: _ClassVar[int]
    SELF_SHARE_FIELD_NUMBER: _ClassVar[int]
    SKEW_US_FIELD_NUMBER: _ClassVar[int]
    SHIFT_US_FIELD_NUMBER: _ClassVar[int]
    PAIR_FIELD_NUMBER: _ClassVar[int]
    JOINED_BY_FIELD_NUMBER: _ClassVar[int]
    DURATION_NS_FIELD_NUMBER: _ClassVar[int]
    LOGS_US_FIELD_NUMBER: _ClassVar[int]
    row: int
    parent: int
    depth: int
    children: int
    below: int
    errors_below: int
    trace_id: str
    span_id: str
    service: str
    operation: str
    kind: str
    component: str
    start_us: int
    offset_us: int
    duration_us: int
    error: bool
    missing: bool
    path_us: float
    path_share: float
    segments: _containers.RepeatedCompositeFieldContainer[_struct_pb2.ListValue]
    self_us: float
    self_share: float
    skew_us: int
    shift_us: int
    pair: Pair
    joined_by: str
    duration_ns: int
    logs_us: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, row: _Optional[int] = ..., parent: _Optional[int] = ..., depth: _Optional[int] = ..., children: _Optional[int] = ..., below: _Optional[int] = ..., errors_below: _Optional[int] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., service: _Optional[str] = ..., operation: _Optional[str] = ..., kind: _Optional[str] = ..., component: _Optional[str] = ..., start_us: _Optional[int] = ..., offset_us: _Optional[int] = ..., duration_us: _Optional[int] = ..., error: _Optional[bool] = ..., missing: _Optional[bool] = ..., path_us: _Optional[float] = ..., path_share: _Optional[float] = ..., segments: _Optional[_Iterable[_Union[_struct_pb2.ListValue, _Mapping]]] = ..., self_us: _Optional[float] = ..., self_share: _Optional[float] = ..., skew_us: _Optional[int] = ..., shift_us: _Optional[int] = ..., pair: _Optional[_Union[Pair, _Mapping]] = ..., joined_by: _Optional[str] = ..., duration_ns: _Optional[int] = ..., logs_us: _Optional[_Iterable[int]] = ...) -> None: ...

class AmongOperation(_message.Message):
    __slots__ = ("query", "spans", "faster", "slower_than", "p50_us", "histogram", "slower")
    QUERY_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    FASTER_FIELD_NUMBER: _ClassVar[int]
    SLOWER_THAN_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    HISTOGRAM_FIELD_NUMBER: _ClassVar[int]
    SLOWER_FIELD_NUMBER: _ClassVar[int]
    query: str
    spans: int
    faster: int
    slower_than: float
    p50_us: int
    histogram: Histogram
    slower: int
    def __init__(self, query: _Optional[str] = ..., spans: _Optional[int] = ..., faster: _Optional[int] = ..., slower_than: _Optional[float] = ..., p50_us: _Optional[int] = ..., histogram: _Optional[_Union[Histogram, _Mapping]] = ..., slower: _Optional[int] = ...) -> None: ...

class Page(_message.Message):
    __slots__ = ("spans", "total", "next_cursor", "mark")
    SPANS_FIELD_NUMBER: _ClassVar[int]
    TOTAL_FIELD_NUMBER: _ClassVar[int]
    NEXT_CURSOR_FIELD_NUMBER: _ClassVar[int]
    MARK_FIELD_NUMBER: _ClassVar[int]
    spans: _containers.RepeatedCompositeFieldContainer[Span]
    total: int
    next_cursor: str
    mark: int
    def __init__(self, spans: _Optional[_Iterable[_Union[Span, _Mapping]]] = ..., total: _Optional[int] = ..., next_cursor: _Optional[str] = ..., mark: _Optional[int] = ...) -> None: ...

class Connection(_message.Message):
    __slots__ = ("to",)
    FROM_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    to: str
    def __init__(self, to: _Optional[str] = ..., **kwargs) -> None: ...

class ServiceChange(_message.Message):
    __slots__ = ("service", "count", "avg_latency_us", "p99_us", "error_ratio", "added_operations", "deleted_operations", "operations")
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    ADDED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    DELETED_OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    OPERATIONS_FIELD_NUMBER: _ClassVar[int]
    service: str
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change
    added_operations: _containers.RepeatedScalarFieldContainer[str]
    deleted_operations: _containers.RepeatedScalarFieldContainer[str]
    operations: _containers.RepeatedCompositeFieldContainer[OperationChange]
    def __init__(self, service: _Optional[str] = ..., count: _Optional[_Union[Change, _Mapping]] = ..., avg_latency_us: _Optional[_Union[Change, _Mapping]] = ..., p99_us: _Optional[_Union[Change, _Mapping]] = ..., error_ratio: _Optional[_Union[Change, _Mapping]] = ..., added_operations: _Optional[_Iterable[str]] = ..., deleted_operations: _Optional[_Iterable[str]] = ..., operations: _Optional[_Iterable[_Union[OperationChange, _Mapping]]] = ...) -> None: ...

class GroupChanges(_message.Message):
    __slots__ = ("by", "new", "missing", "diffs")
    BY_FIELD_NUMBER: _ClassVar[int]
    NEW_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    DIFFS_FIELD_NUMBER: _ClassVar[int]
    by: _containers.RepeatedScalarFieldContainer[str]
    new: _containers.RepeatedCompositeFieldContainer[_struct_pb2.ListValue]
    missing: _containers.RepeatedCompositeFieldContainer[_struct_pb2.ListValue]
    diffs: _containers.RepeatedCompositeFieldContainer[GroupChange]
    def __init__(self, by: _Optional[_Iterable[str]] = ..., new: _Optional[_Iterable[_Union[_struct_pb2.ListValue, _Mapping]]] = ..., missing: _Optional[_Iterable[_Union[_struct_pb2.ListValue, _Mapping]]] = ..., diffs: _Optional[_Iterable[_Union[GroupChange, _Mapping]]] = ...) -> None: ...

class StreamPoint(_message.Message):
    __slots__ = ("from_us", "count", "ops_per_s", "errors", "error_ratio", "percentiles")
    class PercentilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    OPS_PER_S_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    count: int
    ops_per_s: float
    errors: int
    error_ratio: float
    percentiles: _containers.ScalarMap[str, int]
    def __init__(self, from_us: _Optional[int] = ..., count: _Optional[int] = ..., ops_per_s: _Optional[float] = ..., errors: _Optional[int] = ..., error_ratio: _Optional[float] = ..., percentiles: _Optional[_Mapping[str, int]] = ...) -> None: ...

class Range(_message.Message):
    __slots__ = ("min", "max")
    MIN_FIELD_NUMBER: _ClassVar[int]
    MAX_FIELD_NUMBER: _ClassVar[int]
    min: int
    max: int
    def __init__(self, min: _Optional[int] = ..., max: _Optional[int] = ...) -> None: ...

class Whose(_message.Message):
    __slots__ = ("services",)
    SERVICES_FIELD_NUMBER: _ClassVar[int]
    services: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, services: _Optional[_Iterable[str]] = ...) -> None: ...

class Shape(_message.Message):
    __slots__ = ("complete", "path")
    COMPLETE_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    complete: bool
    path: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, complete: _Optional[bool] = ..., path: _Optional[_Iterable[str]] = ...) -> None: ...

class ReporterStatus(_message.Message):
    __slots__ = ("id", "service", "protocol", "tracer", "tracer_version", "last_seen_ns", "reports", "refused", "spans", "dropped", "dropped_here", "counters", "gauges")
    class DroppedHereEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    class CountersEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class GaugesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRACER_FIELD_NUMBER: _ClassVar[int]
    TRACER_VERSION_FIELD_NUMBER: _ClassVar[int]
    LAST_SEEN_NS_FIELD_NUMBER: _ClassVar[int]
    REPORTS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_HERE_FIELD_NUMBER: _ClassVar[int]
    COUNTERS_FIELD_NUMBER: _ClassVar[int]
    GAUGES_FIELD_NUMBER: _ClassVar[int]
    id: str
    service: str
    protocol: str
    tracer: str
    tracer_version: str
    last_seen_ns: int
    reports: int
    refused: int
    spans: int
    dropped: int
    dropped_here: _containers.ScalarMap[str, int]
    counters: _containers.ScalarMap[str, float]
    gauges: _containers.ScalarMap[str, float]
    def __init__(self, id: _Optional[str] = ..., service: _Optional[str] = ..., protocol: _Optional[str] = ..., tracer: _Optional[str] = ..., tracer_version: _Optional[str] = ..., last_seen_ns: _Optional[int] = ..., reports: _Optional[int] = ..., refused: _Optional[int] = ..., spans: _Optional[int] = ..., dropped: _Optional[int] = ..., dropped_here: _Optional[_Mapping[str, int]] = ..., counters: _Optional[_Mapping[str, float]] = ..., gauges: _Optional[_Mapping[str, float]] = ...) -> None: ...

class LoggedRequest(_message.Message):
    __slots__ = ("number", "began_us", "took_us", "transport", "method", "path", "port", "peer", "protocol", "project", "service", "reporter", "status", "grpc_status", "outcome", "stored", "dropped", "error", "message", "fault", "body_bytes", "answer_bytes", "encoding", "cut")
    class DroppedEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    NUMBER_FIELD_NUMBER: _ClassVar[int]
    BEGAN_US_FIELD_NUMBER: _ClassVar[int]
    TOOK_US_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    METHOD_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GRPC_STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    DROPPED_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    BODY_BYTES_FIELD_NUMBER: _ClassVar[int]
    ANSWER_BYTES_FIELD_NUMBER: _ClassVar[int]
    ENCODING_FIELD_NUMBER: _ClassVar[int]
    CUT_FIELD_NUMBER: _ClassVar[int]
    number: int
    began_us: int
    took_us: int
    transport: str
    method: str
    path: str
    port: int
    peer: str
    protocol: str
    project: str
    service: str
    reporter: str
    status: int
    grpc_status: str
    outcome: str
    stored: int
    dropped: _containers.ScalarMap[str, int]
    error: str
    message: str
    fault: FaultApplied
    body_bytes: int
    answer_bytes: int
    encoding: str
    cut: bool
    def __init__(self, number: _Optional[int] = ..., began_us: _Optional[int] = ..., took_us: _Optional[int] = ..., transport: _Optional[str] = ..., method: _Optional[str] = ..., path: _Optional[str] = ..., port: _Optional[int] = ..., peer: _Optional[str] = ..., protocol: _Optional[str] = ..., project: _Optional[str] = ..., service: _Optional[str] = ..., reporter: _Optional[str] = ..., status: _Optional[int] = ..., grpc_status: _Optional[str] = ..., outcome: _Optional[str] = ..., stored: _Optional[int] = ..., dropped: _Optional[_Mapping[str, int]] = ..., error: _Optional[str] = ..., message: _Optional[str] = ..., fault: _Optional[_Union[FaultApplied, _Mapping]] = ..., body_bytes: _Optional[int] = ..., answer_bytes: _Optional[int] = ..., encoding: _Optional[str] = ..., cut: _Optional[bool] = ...) -> None: ...

class Header(_message.Message):
    __slots__ = ("name", "value")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    name: str
    value: str
    def __init__(self, name: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class Listed(_message.Message):
    __slots__ = ("id", "fault", "seen", "applied", "active", "notes")
    ID_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    SEEN_FIELD_NUMBER: _ClassVar[int]
    APPLIED_FIELD_NUMBER: _ClassVar[int]
    ACTIVE_FIELD_NUMBER: _ClassVar[int]
    NOTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    fault: Fault
    seen: int
    applied: int
    active: bool
    notes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, id: _Optional[str] = ..., fault: _Optional[_Union[Fault, _Mapping]] = ..., seen: _Optional[int] = ..., applied: _Optional[int] = ..., active: _Optional[bool] = ..., notes: _Optional[_Iterable[str]] = ...) -> None: ...

class Point(_message.Message):
    __slots__ = ("from_us", "count", "errors", "p50_us", "p95_us", "p99_us")
    FROM_US_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    P50_US_FIELD_NUMBER: _ClassVar[int]
    P95_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    from_us: int
    count: int
    errors: int
    p50_us: int
    p95_us: int
    p99_us: int
    def __init__(self, from_us: _Optional[int] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ..., p50_us: _Optional[int] = ..., p95_us: _Optional[int] = ..., p99_us: _Optional[int] = ...) -> None: ...

class Log(_message.Message):
    __slots__ = ("time_us", "fields")
    TIME_US_FIELD_NUMBER: _ClassVar[int]
    FIELDS_FIELD_NUMBER: _ClassVar[int]
    time_us: int
    fields: _struct_pb2.Struct
    def __init__(self, time_us: _Optional[int] = ..., fields: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Reference(_message.Message):
    __slots__ = ("kind", "trace_id", "span_id", "attributes")
    KIND_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    trace_id: str
    span_id: str
    attributes: _struct_pb2.Struct
    def __init__(self, kind: _Optional[str] = ..., trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class ReporterView(_message.Message):
    __slots__ = ("id", "attributes")
    ID_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    id: str
    attributes: _struct_pb2.Struct
    def __init__(self, id: _Optional[str] = ..., attributes: _Optional[_Union[_struct_pb2.Struct, _Mapping]] = ...) -> None: ...

class Refused(_message.Message):
    __slots__ = ("requests", "protocol", "status", "reason", "peer", "fault", "own")
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    FAULT_FIELD_NUMBER: _ClassVar[int]
    OWN_FIELD_NUMBER: _ClassVar[int]
    requests: int
    protocol: str
    status: str
    reason: str
    peer: str
    fault: bool
    own: bool
    def __init__(self, requests: _Optional[int] = ..., protocol: _Optional[str] = ..., status: _Optional[str] = ..., reason: _Optional[str] = ..., peer: _Optional[str] = ..., fault: _Optional[bool] = ..., own: _Optional[bool] = ...) -> None: ...

class Elsewhere(_message.Message):
    __slots__ = ("project", "requests", "spans")
    PROJECT_FIELD_NUMBER: _ClassVar[int]
    REQUESTS_FIELD_NUMBER: _ClassVar[int]
    SPANS_FIELD_NUMBER: _ClassVar[int]
    project: str
    requests: int
    spans: int
    def __init__(self, project: _Optional[str] = ..., requests: _Optional[int] = ..., spans: _Optional[int] = ...) -> None: ...

class Troubled(_message.Message):
    __slots__ = ("connections", "kind", "port", "peer", "advice")
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    ADVICE_FIELD_NUMBER: _ClassVar[int]
    connections: int
    kind: str
    port: int
    peer: str
    advice: str
    def __init__(self, connections: _Optional[int] = ..., kind: _Optional[str] = ..., port: _Optional[int] = ..., peer: _Optional[str] = ..., advice: _Optional[str] = ...) -> None: ...

class Example(_message.Message):
    __slots__ = ("trace_id", "span_id", "service", "operation")
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    trace_id: str
    span_id: str
    service: str
    operation: str
    def __init__(self, trace_id: _Optional[str] = ..., span_id: _Optional[str] = ..., service: _Optional[str] = ..., operation: _Optional[str] = ...) -> None: ...

class Histogram(_message.Message):
    __slots__ = ("buckets", "percentiles", "count", "errors", "traces", "oldest_us", "newest_us")
    class PercentilesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: int
        def __init__(self, key: _Optional[str] = ..., value: _Optional[int] = ...) -> None: ...
    BUCKETS_FIELD_NUMBER: _ClassVar[int]
    PERCENTILES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    TRACES_FIELD_NUMBER: _ClassVar[int]
    OLDEST_US_FIELD_NUMBER: _ClassVar[int]
    NEWEST_US_FIELD_NUMBER: _ClassVar[int]
    buckets: _containers.RepeatedCompositeFieldContainer[Bucket]
    percentiles: _containers.ScalarMap[str, int]
    count: int
    errors: int
    traces: int
    oldest_us: int
    newest_us: int
    def __init__(self, buckets: _Optional[_Iterable[_Union[Bucket, _Mapping]]] = ..., percentiles: _Optional[_Mapping[str, int]] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ..., traces: _Optional[int] = ..., oldest_us: _Optional[int] = ..., newest_us: _Optional[int] = ...) -> None: ...

class Cell(_message.Message):
    __slots__ = ("index", "count", "errors")
    INDEX_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    index: int
    count: int
    errors: int
    def __init__(self, index: _Optional[int] = ..., count: _Optional[int] = ..., errors: _Optional[int] = ...) -> None: ...

class Attribute(_message.Message):
    __slots__ = ("kind", "key", "value")
    KIND_FIELD_NUMBER: _ClassVar[int]
    KEY_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    key: str
    value: str
    def __init__(self, kind: _Optional[str] = ..., key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...

class NodeOperation(_message.Message):
    __slots__ = ("operation", "kind", "span_count", "error_count", "avg_latency_us", "slowest_trace_id", "slowest_span_id")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    SPAN_COUNT_FIELD_NUMBER: _ClassVar[int]
    ERROR_COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    SLOWEST_SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    operation: str
    kind: str
    span_count: int
    error_count: int
    avg_latency_us: float
    slowest_trace_id: str
    slowest_span_id: str
    def __init__(self, operation: _Optional[str] = ..., kind: _Optional[str] = ..., span_count: _Optional[int] = ..., error_count: _Optional[int] = ..., avg_latency_us: _Optional[float] = ..., slowest_trace_id: _Optional[str] = ..., slowest_span_id: _Optional[str] = ...) -> None: ...

class Pair(_message.Message):
    __slots__ = ("role", "row", "span_id", "between_us")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    ROW_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    BETWEEN_US_FIELD_NUMBER: _ClassVar[int]
    role: str
    row: int
    span_id: str
    between_us: int
    def __init__(self, role: _Optional[str] = ..., row: _Optional[int] = ..., span_id: _Optional[str] = ..., between_us: _Optional[int] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("before", "after", "diff", "pct")
    BEFORE_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    DIFF_FIELD_NUMBER: _ClassVar[int]
    PCT_FIELD_NUMBER: _ClassVar[int]
    before: float
    after: float
    diff: float
    pct: float
    def __init__(self, before: _Optional[float] = ..., after: _Optional[float] = ..., diff: _Optional[float] = ..., pct: _Optional[float] = ...) -> None: ...

class OperationChange(_message.Message):
    __slots__ = ("operation", "count", "avg_latency_us", "p99_us", "error_ratio")
    OPERATION_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    operation: str
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change
    def __init__(self, operation: _Optional[str] = ..., count: _Optional[_Union[Change, _Mapping]] = ..., avg_latency_us: _Optional[_Union[Change, _Mapping]] = ..., p99_us: _Optional[_Union[Change, _Mapping]] = ..., error_ratio: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class GroupChange(_message.Message):
    __slots__ = ("values", "count", "avg_latency_us", "p99_us", "error_ratio")
    VALUES_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    AVG_LATENCY_US_FIELD_NUMBER: _ClassVar[int]
    P99_US_FIELD_NUMBER: _ClassVar[int]
    ERROR_RATIO_FIELD_NUMBER: _ClassVar[int]
    values: _containers.RepeatedCompositeFieldContainer[_struct_pb2.Value]
    count: Change
    avg_latency_us: Change
    p99_us: Change
    error_ratio: Change
    def __init__(self, values: _Optional[_Iterable[_Union[_struct_pb2.Value, _Mapping]]] = ..., count: _Optional[_Union[Change, _Mapping]] = ..., avg_latency_us: _Optional[_Union[Change, _Mapping]] = ..., p99_us: _Optional[_Union[Change, _Mapping]] = ..., error_ratio: _Optional[_Union[Change, _Mapping]] = ...) -> None: ...

class FaultApplied(_message.Message):
    __slots__ = ("rules", "did")
    RULES_FIELD_NUMBER: _ClassVar[int]
    DID_FIELD_NUMBER: _ClassVar[int]
    rules: _containers.RepeatedScalarFieldContainer[str]
    did: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, rules: _Optional[_Iterable[str]] = ..., did: _Optional[_Iterable[str]] = ...) -> None: ...

class Fault(_message.Message):
    __slots__ = ("status", "grpc_status", "retry_after_ms", "body", "commands", "errors", "warnings", "infos", "no_timestamps", "skew_ms", "delay_ms", "jitter_ms", "read_delay_ms", "bytes_per_second", "connection", "streams", "tls", "accept", "drop", "size_limit_bytes", "duplicate", "strict", "protocol", "transport", "path", "port", "peer", "reporter", "after", "times", "for_ms", "probability", "seed", "name")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    GRPC_STATUS_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_MS_FIELD_NUMBER: _ClassVar[int]
    BODY_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    ERRORS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    INFOS_FIELD_NUMBER: _ClassVar[int]
    NO_TIMESTAMPS_FIELD_NUMBER: _ClassVar[int]
    SKEW_MS_FIELD_NUMBER: _ClassVar[int]
    DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    JITTER_MS_FIELD_NUMBER: _ClassVar[int]
    READ_DELAY_MS_FIELD_NUMBER: _ClassVar[int]
    BYTES_PER_SECOND_FIELD_NUMBER: _ClassVar[int]
    CONNECTION_FIELD_NUMBER: _ClassVar[int]
    STREAMS_FIELD_NUMBER: _ClassVar[int]
    TLS_FIELD_NUMBER: _ClassVar[int]
    ACCEPT_FIELD_NUMBER: _ClassVar[int]
    DROP_FIELD_NUMBER: _ClassVar[int]
    SIZE_LIMIT_BYTES_FIELD_NUMBER: _ClassVar[int]
    DUPLICATE_FIELD_NUMBER: _ClassVar[int]
    STRICT_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TRANSPORT_FIELD_NUMBER: _ClassVar[int]
    PATH_FIELD_NUMBER: _ClassVar[int]
    PORT_FIELD_NUMBER: _ClassVar[int]
    PEER_FIELD_NUMBER: _ClassVar[int]
    REPORTER_FIELD_NUMBER: _ClassVar[int]
    AFTER_FIELD_NUMBER: _ClassVar[int]
    TIMES_FIELD_NUMBER: _ClassVar[int]
    FOR_MS_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    SEED_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    status: int
    grpc_status: str
    retry_after_ms: int
    body: str
    commands: _containers.RepeatedScalarFieldContainer[str]
    errors: _containers.RepeatedScalarFieldContainer[str]
    warnings: _containers.RepeatedScalarFieldContainer[str]
    infos: _containers.RepeatedScalarFieldContainer[str]
    no_timestamps: bool
    skew_ms: int
    delay_ms: float
    jitter_ms: int
    read_delay_ms: int
    bytes_per_second: int
    connection: str
    streams: int
    tls: str
    accept: int
    drop: float
    size_limit_bytes: int
    duplicate: bool
    strict: bool
    protocol: str
    transport: str
    path: str
    port: int
    peer: str
    reporter: str
    after: int
    times: int
    for_ms: int
    probability: float
    seed: int
    name: str
    def __init__(self, status: _Optional[int] = ..., grpc_status: _Optional[str] = ..., retry_after_ms: _Optional[int] = ..., body: _Optional[str] = ..., commands: _Optional[_Iterable[str]] = ..., errors: _Optional[_Iterable[str]] = ..., warnings: _Optional[_Iterable[str]] = ..., infos: _Optional[_Iterable[str]] = ..., no_timestamps: _Optional[bool] = ..., skew_ms: _Optional[int] = ..., delay_ms: _Optional[float] = ..., jitter_ms: _Optional[int] = ..., read_delay_ms: _Optional[int] = ..., bytes_per_second: _Optional[int] = ..., connection: _Optional[str] = ..., streams: _Optional[int] = ..., tls: _Optional[str] = ..., accept: _Optional[int] = ..., drop: _Optional[float] = ..., size_limit_bytes: _Optional[int] = ..., duplicate: _Optional[bool] = ..., strict: _Optional[bool] = ..., protocol: _Optional[str] = ..., transport: _Optional[str] = ..., path: _Optional[str] = ..., port: _Optional[int] = ..., peer: _Optional[str] = ..., reporter: _Optional[str] = ..., after: _Optional[int] = ..., times: _Optional[int] = ..., for_ms: _Optional[int] = ..., probability: _Optional[float] = ..., seed: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...
