-- Every question reads `mark`, and to undo ZSTD cost more (15 ns a span) than all else that counting needs. What was written before stays as it is until ClickHouse
-- merges it; `satellite data compact` has it do so.

ALTER TABLE spans MODIFY COLUMN mark CODEC(T64, LZ4);

ALTER TABLE spans MODIFY COLUMN arrived_ns CODEC(T64, LZ4);

ALTER TABLE spans MODIFY COLUMN keys CODEC(LZ4);

ALTER TABLE spans MODIFY COLUMN rare_keys CODEC(LZ4);

ALTER TABLE spans MODIFY COLUMN log_keys CODEC(LZ4);

ALTER TABLE spans MODIFY COLUMN answers CODEC(LZ4);
