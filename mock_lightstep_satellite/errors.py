"""Every way the satellite refuses or fails, as one tree.

    SatelliteError
    ├── BadReport      these bytes are no report                    INVALID_ARGUMENT    400
    ├── TooLarge       a body over the size limit                   RESOURCE_EXHAUSTED  413
    ├── AccessDenied   unknown access token                         UNAUTHENTICATED     401
    ├── BadQuery       line, column, what was expected              INVALID_ARGUMENT    400
    ├── BadRequest     a parameter that makes no sense              INVALID_ARGUMENT    400
    ├── NotFound       no such project or trace                     NOT_FOUND           404
    ├── ExpectationError  either of
    │   ├── NotMet     a wait ended before its spans came           DEADLINE_EXCEEDED   408
    │   └── Exceeded   a wait saw more spans than it allows         FAILED_PRECONDITION 409
    ├── Overloaded     the queues are full, try again               RESOURCE_EXHAUSTED  429
    ├── TookTooLong    a question's time was up                     DEADLINE_EXCEEDED   503
    ├── StoreFailed    the engine failed                            UNAVAILABLE         503
    ├── Unreachable    a client's: no satellite answers             UNAVAILABLE         503
    └── NoServer       the server is not installed                  UNIMPLEMENTED       501

BadCertificates (edges/certificates.py) and CannotListen (ports.py), which end a start, live where they arise. The statuses
are those of our own API; to reports each wire protocol answers as its clients need it (protocols/refused.py and the codecs).
"""

from __future__ import annotations

from typing import Any, ClassVar, Self


class SatelliteError(Exception):
    """The root: has a code (the class name in snake case), an HTTP status, a message and perhaps a hint."""

    code: ClassVar[str] = "error"
    http_status: ClassVar[int] = 500
    grpc_status: ClassVar[str] = "INTERNAL"

    def __init__(self, message: str, *, hint: str | None = None, **details: Any) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.details = details
        if hint:
            # Below the message wherever a traceback is shown: in the failure of a test, for one.
            self.add_note(f"hint: {hint}")

    def bare(self) -> Self:
        """The error itself, for who keeps it, without where it was raised: the variables there, a whole report among them, would stay as long."""
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self

    def as_json(self) -> dict[str, Any]:
        """The one shape of an error: `{"error": {"code", "message", "hint", …details}}`."""
        error: dict[str, Any] = {"code": self.code, "message": self.message, "hint": self.hint}
        return {"error": error | self.details}


class BadReport(SatelliteError):
    """These bytes are no report of the protocol they came by."""

    code = "bad_report"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class TooLarge(SatelliteError):
    """A body over the size limit, as sent or after decompression."""

    code = "too_large"
    http_status = 413
    grpc_status = "RESOURCE_EXHAUSTED"


class AccessDenied(SatelliteError):
    """The access token is not in the list (listed mode only). Never holds the token."""

    code = "access_denied"
    http_status = 401
    grpc_status = "UNAUTHENTICATED"


class BadQuery(SatelliteError):
    """A query that does not parse or makes no sense; `details` has `line` and `column`, both from 1."""

    code = "bad_query"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class BadRequest(SatelliteError):
    """A parameter (not the query) that makes no sense: a limit, a cursor, a time."""

    code = "bad_request"
    http_status = 400
    grpc_status = "INVALID_ARGUMENT"


class NotFound(SatelliteError):
    """No such project or trace."""

    code = "not_found"
    http_status = 404
    grpc_status = "NOT_FOUND"


class ExpectationError(SatelliteError):
    """A wait that was not met: NotMet or Exceeded."""


class NotMet(ExpectationError):
    """A wait whose time ran out before its spans came; `details` explain what was seen."""

    code = "not_met"
    http_status = 408
    grpc_status = "DEADLINE_EXCEEDED"


class Exceeded(ExpectationError):
    """A wait that saw more spans than it allows; `details` explain what was seen."""

    code = "exceeded"
    http_status = 409
    grpc_status = "FAILED_PRECONDITION"


class Overloaded(SatelliteError):
    """What waits has reached its bound; try again."""

    code = "overloaded"
    http_status = 429
    grpc_status = "RESOURCE_EXHAUSTED"


class TookTooLong(SatelliteError):
    """A question whose time was up before it was answered."""

    code = "took_too_long"
    http_status = 503
    grpc_status = "DEADLINE_EXCEEDED"


class StoreFailed(SatelliteError):
    """The engine failed; nothing of the batch was kept."""

    code = "store_failed"
    http_status = 503
    grpc_status = "UNAVAILABLE"


class Unreachable(SatelliteError):
    """No satellite answers at this URL."""

    code = "unreachable"
    http_status = 503
    grpc_status = "UNAVAILABLE"


class NoServer(SatelliteError):
    """Something needs the server, and only the client is installed."""

    code = "no_server"
    http_status = 501
    grpc_status = "UNIMPLEMENTED"

    @classmethod
    def because(cls, error: ModuleNotFoundError, what: str) -> Self:
        """Of an import that `what` needs: what to install, or which package is in the way."""
        missing = error.name or str(error)
        if missing.partition(".")[0] == "satellite":
            return cls(
                f"{what} needs the package satellite of mock-lightstep-satellite, and another of that name hides it"
            )
        return cls(f"{what} needs the server ({missing} is missing): {INSTALL}")


INSTALL = 'pip install "mock-lightstep-satellite[server]"'
"""Brings the server."""


def is_told(failure: Any) -> bool:
    """For `__tracebackhide__` of a module: whether pytest shows the test's own lines alone, since the text says what happened."""
    return isinstance(failure.value, SatelliteError | AssertionError)
