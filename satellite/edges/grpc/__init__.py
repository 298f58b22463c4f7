"""gRPC: our engine over HTTP/2 (`engine`, `calls`), grpcio's as the reference (`grpcio`), and what both serve.

What both serve are the report methods of the protocols, and services in the form that grpcio's generated code registers
(`services`): health, reflection, and others' to come.
"""
