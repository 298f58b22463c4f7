"""Zipkin's spans, v2 (`v2`: JSON and protobuf) and v1 (`v1`), what they mean (`model`), and the way back as v2."""
