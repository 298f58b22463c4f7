-- What satellites keep. A row of `commits` makes the spans of its seat up to its mark count: they are inserted before it.
-- In a pool each satellite has a seat: the remainder of its marks by SEATS (pool.py). A satellite alone has seat 0.

CREATE TABLE spans
(
    project UInt64 COMMENT 'commits.project',
    mark Int64 CODEC(Delta, ZSTD) COMMENT 'place in the order of arrival',
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
SETTINGS index_granularity = 2048, fsync_after_insert = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE gone
(
    project UInt64,
    mark Int64 COMMENT 'of a span that another took the place of',
    by_mark Int64 COMMENT 'from the commit of this mark on'
)
ENGINE = MergeTree
ORDER BY (project, mark)
SETTINGS fsync_after_insert = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE commits
(
    project UInt64 COMMENT 'a hash of the name',
    seat UInt8 COMMENT 'of the satellite that committed',
    name SimpleAggregateFunction(anyLast, String),
    mark SimpleAggregateFunction(max, Int64) COMMENT 'spans of this seat up to here count',
    received SimpleAggregateFunction(sum, Int64),
    dropped SimpleAggregateFunction(sumMap, Tuple(Array(String), Array(Int64))) COMMENT 'by reason',
    replaced SimpleAggregateFunction(sum, Int64) COMMENT 'rows of `gone`',
    floor SimpleAggregateFunction(max, Int64) COMMENT 'spans of any seat up to here are evicted',
    forgotten SimpleAggregateFunction(max, Int64) COMMENT '1 + the mark with which the project was dropped; 0: never'
)
ENGINE = AggregatingMergeTree
ORDER BY (project, seat)
SETTINGS fsync_after_insert = 1, non_replicated_deduplication_window = 1000;

CREATE TABLE seats
(
    seat UInt8,
    holder UInt64 COMMENT 'a number that the satellite made up',
    name SimpleAggregateFunction(anyLast, String) COMMENT 'of its host',
    taken SimpleAggregateFunction(min, DateTime64(3)) DEFAULT now64(3),
    seen SimpleAggregateFunction(max, DateTime64(3)) DEFAULT now64(3),
    left SimpleAggregateFunction(max, UInt8) COMMENT '1: it ended orderly'
)
ENGINE = AggregatingMergeTree
ORDER BY (seat, holder);
