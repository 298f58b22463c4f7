"""OTLP traces in columns (`protobuf`, `json`), the way back, and the signals that are counted and not kept.

`request` makes Arrow of bytes, `spans` a SpanBatch of Arrow; `tags`, `events`, `parts`, `views` are its pieces.
"""
