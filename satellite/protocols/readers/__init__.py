"""Bounded readers that no protocol owns: Thrift, TJSON, MessagePack, JSON documents, the submessages of protobuf.

A reader knows a syntax and its limits, never what a field means.
"""
