-- A value that hardly any other span has (an id, a URL) is in `tags` alone: `answers` then has few different entries and is quick to read, and
-- each such value is on disk once. What 001 wrote stays as it is: its `answers` have everything, its `rare_keys` are empty.

ALTER TABLE spans ADD COLUMN IF NOT EXISTS rare_keys Array(LowCardinality(String)) CODEC(ZSTD)
    COMMENT 'keys of the tags, all of them texts, whose values are not among the answers' AFTER keys;

ALTER TABLE spans DROP INDEX IF EXISTS said;

ALTER TABLE spans ADD INDEX IF NOT EXISTS rare tags TYPE bloom_filter(0.01);

-- ClickHouse before 26.2 has no such index; `answers` is then read.
ALTER TABLE spans ADD INDEX IF NOT EXISTS found answers TYPE text(tokenizer = 'array');

ALTER TABLE spans MODIFY COLUMN start_ns CODEC(T64, LZ4);

ALTER TABLE spans MODIFY COLUMN duration_ns CODEC(T64, LZ4);

ALTER TABLE spans MODIFY COLUMN bucket CODEC(T64, LZ4);
