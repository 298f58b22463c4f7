-- What one satellite keeps. A row of `commits` makes the spans up to its mark count: they are inserted before it.

CREATE TABLE spans
(
    project UInt32 COMMENT 'commits.project',
    mark Int64 COMMENT 'place in the order of arrival, from 1',
    arrived_ns Int64 CODEC(Delta, ZSTD),
    trace_high UInt64 CODEC(ZSTD),
    trace_low UInt64 CODEC(ZSTD),
    span_id UInt64 CODEC(ZSTD),
    parent_id UInt64 CODEC(ZSTD),
    start_ns Int64 CODEC(Delta, ZSTD) COMMENT 'clock correction applied',
    duration_ns Int64 CODEC(ZSTD),
    bucket UInt16 COMMENT 'of the latency histogram',
    service LowCardinality(String),
    tracer UInt64 CODEC(ZSTD) COMMENT 'of the reporter',
    name LowCardinality(String) COMMENT 'operation',
    kind UInt8,
    status UInt8,
    marks UInt16 COMMENT 'Marks of satellite/model/spans.py',
    reporter LowCardinality(String) COMMENT 'Reporter.encode()',
    extra LowCardinality(String) COMMENT 'MessagePack',
    tags Array(LowCardinality(String)) CODEC(ZSTD) COMMENT 'canonical bytes of each, as sent',
    logs Array(String) CODEC(ZSTD) COMMENT 'satellite.model.Log',
    refs Array(String) CODEC(ZSTD) COMMENT 'satellite.model.Reference',
    keys Array(LowCardinality(String)) CODEC(ZSTD) COMMENT 'of the tags, each once',
    log_keys Array(LowCardinality(String)) CODEC(ZSTD) COMMENT 'of the fields of logs, each once',
    valued UInt16 COMMENT 'so many answers are whole values, one for each key',
    answers Array(LowCardinality(String)) CODEC(ZSTD)
        COMMENT 'key and text of everything a term finds it by: tags in the order of `keys`, then attributes, elements, logs',
    INDEX started start_ns TYPE minmax,
    INDEX trace trace_low TYPE bloom_filter(0.001),
    INDEX said answers TYPE bloom_filter(0.01)
)
ENGINE = MergeTree
ORDER BY (project, mark)
SETTINGS fsync_after_insert = 1;

CREATE TABLE gone
(
    project UInt32,
    mark Int64 COMMENT 'of a span that another took the place of',
    by_mark Int64 COMMENT 'from this mark of the project on'
)
ENGINE = MergeTree
ORDER BY (project, mark)
SETTINGS fsync_after_insert = 1;

CREATE TABLE commits
(
    project UInt32 COMMENT 'number of a project; one that was dropped and came again has another',
    name SimpleAggregateFunction(anyLast, String),
    mark SimpleAggregateFunction(max, Int64) COMMENT 'spans up to here count',
    received SimpleAggregateFunction(sum, UInt64),
    dropped SimpleAggregateFunction(sumMap, Tuple(Array(String), Array(UInt64))) COMMENT 'by reason',
    floor SimpleAggregateFunction(max, Int64) COMMENT 'spans up to here are evicted',
    forgotten SimpleAggregateFunction(max, UInt8) COMMENT '1: the project was dropped'
)
ENGINE = AggregatingMergeTree
ORDER BY project
SETTINGS fsync_after_insert = 1;
