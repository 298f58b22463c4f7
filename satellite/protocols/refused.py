"""Refused reports: their status over HTTP and gRPC, and plain text where a protocol has no words of its own."""

from __future__ import annotations

from satellite.errors import AccessDenied, BadReport, Overloaded, SatelliteError, StoreFailed, TooLarge
from satellite.model.report import Receipt
from satellite.protocols.wire import Reply

TEXT = "text/plain; charset=utf-8"

INVALID_ARGUMENT, RESOURCE_EXHAUSTED, INTERNAL, UNAVAILABLE = 3, 8, 13, 14


def is_final(refusal: SatelliteError) -> bool:
    """Whether the same report would be refused again: what is wrong is its bytes, its size or its token."""
    return isinstance(refusal, BadReport | AccessDenied | TooLarge)


def status_of(refusal: SatelliteError | None) -> int:
    """200 for none. Bad data and tokens: 400; too large: 413; the rest 503, which clients and proxies take for «try again»."""
    match refusal:
        case None:
            return 200
        case TooLarge():
            return 413
        case BadReport() | AccessDenied():
            return 400
        case _:
            return 503


def grpc_code_of(refusal: SatelliteError) -> int:
    """The number of the status over gRPC (wire-protocols.md §0.3, §1.2); of what is no refusal INTERNAL."""
    match refusal:
        case TooLarge():
            return RESOURCE_EXHAUSTED
        case BadReport() | AccessDenied():
            return INVALID_ARGUMENT
        case Overloaded() | StoreFailed():
            return UNAVAILABLE
        case _:
            return INTERNAL


def text_reply(refusal: SatelliteError) -> Reply:
    """What was wrong, in plain text."""
    return Reply(status_of(refusal), TEXT, refusal.message.encode("utf-8", "replace"))


def plain_reply(receipt: Receipt, status: int) -> Reply:
    """`status` and the warnings in plain text when spans were kept, else what was wrong."""
    if receipt.refusal is not None:
        return text_reply(receipt.refusal)
    return Reply(status, TEXT, "\n".join(receipt.warnings).encode())
