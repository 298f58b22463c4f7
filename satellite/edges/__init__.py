"""Sockets and what is spoken on them before a report is a body: TLS and its certificates, HTTP, gRPC.

What a body means is for `protocols`; what becomes of it for `intake`.
"""
