"""A fault: what to do wrong, and to which requests. Its fields are the API's, the CLI's and the client's words."""

from __future__ import annotations

import re
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, inspect

from satellite.errors import BadRequest
from satellite.query import parse
from satellite.query.plan import Field, Plan

GrpcStatus = Literal[
    "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
    "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
]  # fmt: skip
Body = Literal["malformed", "truncated", "empty", "oversized", "wrong-type"]
Command = Literal["disable", "dev_mode"]
Connection = Literal["refuse", "stall", "reset-before", "reset-after", "reset-mid-body", "goaway"]
Tls = Literal["expired", "wrong-name", "wrong-ca", "handshake-failure"]

EARLY_CONNECTION: tuple[Connection, ...] = ("refuse", "stall", "reset-before")
"""What must be done before a request was read: nobody knows its project by then."""

_Ms = Annotated[int, Meta(ge=0, le=600_000)]
_Count = Annotated[int, Meta(ge=0, le=2**31)]
_Share = Annotated[float, Meta(gt=0, le=1)]
_Texts = Annotated[tuple[Annotated[str, Meta(max_length=1000)], ...], Meta(max_length=20)]
_Name = Annotated[str, Meta(max_length=1000)]


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One rule. What it does (at least one of the first group), and when (all of the second must fit)."""

    # The answer
    status: Annotated[int, Meta(ge=400, le=599)] | None = None
    """HTTP status; over gRPC the code that this status stands for. Nothing of the report is kept."""
    grpc_status: GrpcStatus | None = None
    """The same by gRPC's name; over HTTP the status that it stands for."""
    retry_after_ms: _Ms | None = None
    """With a status: `Retry-After` (whole seconds, rounded up) over HTTP, `google.rpc.RetryInfo` over gRPC."""
    body: Body | None = None
    """What is wrong with the answer's bytes."""
    # Content of a valid answer (LightStep)
    commands: tuple[Command, ...] = ()
    errors: _Texts = ()
    warnings: _Texts = ()
    infos: _Texts = ()
    no_timestamps: bool = False
    """The answer says neither when the report came nor when the answer left."""
    skew_ms: Annotated[int, Meta(ge=-(2**40), le=2**40)] = 0
    """Added to both of these times."""
    # Time
    delay_ms: Annotated[float, Meta(ge=0, le=600_000)] = 0
    """Between report and answer."""
    jitter_ms: _Ms = 0
    """Up to so much more, evenly spread."""
    read_delay_ms: _Ms = 0
    """Before the request's body is read. Decided by port, path and peer: the project is not known yet."""
    bytes_per_second: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    """How fast the answer's body leaves."""
    # Connection, TLS
    connection: Connection | None = None
    streams: Annotated[int, Meta(ge=1, le=1000)] | None = None
    """HTTP/2's SETTINGS_MAX_CONCURRENT_STREAMS of new connections. Decided by port and peer."""
    tls: Tls | None = None
    """What new connections meet in the handshake. Decided by port and peer."""
    # Acceptance
    accept: _Count | None = None
    """Of each report only the first so many spans are kept, and the sender is told where its protocol can say so."""
    drop: _Share | None = None
    """This share of the spans is lost without a word to the sender; the ledger counts them as `fault`."""
    size_limit_bytes: _Count | None = None
    """Larger reports are refused as too large."""
    duplicate: bool = False
    """The report's spans are delivered twice."""
    strict: bool = False
    """A report with spans that a protocol check calls an error is refused, in the protocol's words."""

    # When
    protocol: _Name | None = None
    """The wire protocol's name, as in metrics: `lightstep`, `otlp`, `zipkin` …"""
    transport: Literal["grpc", "http"] | None = None
    path: _Name | None = None
    """The HTTP path or gRPC method; `*` at its end stands for any rest."""
    port: Annotated[int, Meta(ge=1, le=65535)] | None = None
    peer: _Name | None = None
    """The sender's address, without its port."""
    reporter: _Name | None = None
    """A predicate on service and reporter attributes: `service IN ("shop")`."""
    after: _Count = 0
    """So many requests that fit go well first."""
    times: Annotated[int, Meta(ge=1, le=2**31)] | None = None
    """Then so many are hit; None: all."""
    for_ms: Annotated[int, Meta(ge=1, le=86_400_000)] | None = None
    """It ends so long after it was added."""
    probability: _Share = 1.0
    seed: Annotated[int, Meta(ge=0, le=2**62)] | None = None
    """With a probability: the same seed hits the same requests of a sequence."""
    name: Annotated[str, Meta(max_length=100)] = ""
    """For people; a profile's rules have its name."""

    @property
    def early(self) -> bool:
        """Decided before a request's body is read, so that no project or reporter can be asked for."""
        return bool(self.connection in EARLY_CONNECTION or self.streams or self.tls or self.read_delay_ms)

    @property
    def actions(self) -> list[str]:
        """Names of the fields that say what it does, in the order of this declaration."""
        return [name for name in _ACTIONS if getattr(self, name) != _DEFAULTS[name]]


_ACTIONS = tuple(
    name
    for name in Fault.__struct_fields__
    if name
    not in {
        "protocol", "transport", "path", "port", "peer", "reporter", "after", "times", "for_ms", "probability", "seed",
        "name", "retry_after_ms",
    }
)  # fmt: skip
_DEFAULTS = dict(
    zip(Fault.__struct_fields__[-len(Fault.__struct_defaults__) :], Fault.__struct_defaults__, strict=True)
)


def checked(fault: Fault, *, project: bool) -> Fault:
    """The fault itself, when it makes sense.

    Args:
        fault: as given.
        project: whether it is added to one project; else to the whole satellite.

    Raises:
        BadRequest: it does nothing, contradicts itself, or needs what is not known when it is decided; the message
            names the field and what would do.
        BadQuery: `reporter` is no predicate.
    """
    if not fault.actions:
        raise BadRequest(f"a fault that does nothing: give one of {', '.join(_ACTIONS)}", parameter="fault")
    if fault.status is not None and fault.grpc_status is not None:
        raise BadRequest("give status or grpc_status: one is made from the other", parameter="grpc_status")
    refuses = fault.status is not None or fault.grpc_status is not None
    if fault.retry_after_ms is not None and not refuses:
        raise BadRequest("retry_after_ms goes with status or grpc_status", parameter="retry_after_ms")
    for name in ("accept", "drop", "duplicate", "strict"):
        if refuses and getattr(fault, name) not in {None, False}:
            raise BadRequest(f"{name} needs a report that is kept; a status refuses it", parameter=name)
    if fault.early:
        late = [
            name for name in fault.actions if name not in {"connection", "streams", "tls", "read_delay_ms"}
        ]
        if late:
            raise BadRequest(
                f"{late[0]} is decided when a report was read, {fault.actions[-1]} before: make two faults",
                parameter=late[0],
            )
        if project:
            raise BadRequest(
                f"{fault.actions[0]} is decided before a report's token is read, so it cannot belong to a project",
                hint="add it to the satellite (/api/v1/faults, `satellite fault add --everywhere`) with port, path or peer",
                parameter=fault.actions[0],
            )
        for name in ("reporter", "protocol"):
            if getattr(fault, name) is not None:
                raise BadRequest(
                    f"{name} is not known yet when {fault.actions[0]} is decided; port, path and peer are",
                    parameter=name,
                )
        if fault.path is not None and fault.actions != ["read_delay_ms"]:
            raise BadRequest(
                f"a path is not known yet when {fault.actions[0]} is decided; port and peer are",
                parameter="path",
            )
    if fault.reporter is not None:
        reporter_plan(fault.reporter)
    return fault


def reporter_plan(text: str) -> Plan:
    """The terms of a predicate on reporters. Raises BadQuery, or BadRequest when it asks for more than they have."""
    plan = parse(text).plan
    for term in plan.terms:
        if term.field not in {Field.SERVICE, Field.TAG, Field.TRACER_ID}:
            raise BadRequest(
                f"a reporter has no {term.key}: ask for service or its attributes", parameter="reporter"
            )
    return plan


def read_fault(content: bytes, *, project: bool) -> Fault:
    """The fault that a JSON document is.

    Raises:
        BadRequest: it is none; the message names the field, and what would do.
    """
    try:
        fault = msgspec.json.decode(content, type=Fault)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadRequest(f"this is no fault: {error}", hint=_hint(str(error)), parameter="fault") from error
    return checked(fault, project=project)


def _hint(message: str) -> str:
    """What would do for the field that a message of msgspec names."""
    named = re.search(r"\$\.(\w+)", message)
    if named and named[1] in _ALLOWED:
        return f"{named[1]}: {_ALLOWED[named[1]]}"
    return f"its fields: {', '.join(Fault.__struct_fields__)}"


def _allowed(kind: inspect.Type) -> str:
    match kind:
        case inspect.UnionType(types=types):
            return _allowed(types[0])
        case inspect.VarTupleType(item_type=item):
            return "a list of texts" if isinstance(item, inspect.StrType) else f"a list of {_allowed(item)}"
        case inspect.LiteralType(values=values):
            return ", ".join(map(str, values))
        case inspect.IntType() | inspect.FloatType():
            above = f"from {kind.ge}" if kind.ge is not None else f"above {kind.gt} and up"
            return f"a {'whole ' if isinstance(kind, inspect.IntType) else ''}number {above} to {kind.le}"
        case inspect.BoolType():
            return "true or false"
        case _:
            return "a text"


_FIELDS = inspect.type_info(Fault)
assert isinstance(_FIELDS, inspect.StructType)
_ALLOWED = {field.name: _allowed(field.type) for field in _FIELDS.fields}
