-- What the satellites of a pool have in common besides spans, each kind as its owner writes it: snapshots, streams.

CREATE TABLE commons
(
    kind LowCardinality(String),
    project String,
    name String,
    version Int64 COMMENT 'of those with the same name the greatest counts',
    value String CODEC(ZSTD),
    written DateTime64(3) DEFAULT now64(3)
)
ENGINE = ReplacingMergeTree(version)
ORDER BY (kind, project, name)
SETTINGS fsync_after_insert = 1, non_replicated_deduplication_window = 1000;
