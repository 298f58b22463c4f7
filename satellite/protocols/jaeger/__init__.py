"""Jaeger's batches as protobuf and Thrift (`batches`), the JSON of its UI both ways, and what its spans mean (`model`)."""
