"""Every setting: name, type, default, unit, help."""

from __future__ import annotations

import ast
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, Secret, model_validator

from satellite.intake.tokens import is_project_name
from satellite.settings.values import (
    ANY_FREE_PORT,
    OFF,
    Bytes,
    BytesByProject,
    BytesOrNone,
    ClickHouseUrl,
    Count,
    File,
    Host,
    Names,
    OptionalFile,
    PathPrefix,
    Port,
    Profile,
    ProjectByToken,
    Seconds,
    SecondsByProject,
    SecondsOrNone,
    Tags,
)

CERTIFICATES = Path("mock-lightstep-satellite", "certs")
"""The default of `cert_dir` below the user's folder for state (XDG Base Directory Specification 0.8)."""


class BadSetting(ValueError):
    """A setting that cannot be: the text names its source, what is wrong and what would be right. Holds no secret.

    Ours and not a SatelliteError: it ends the start and is never an answer to a client.
    """


class Original:
    """Marks a field with the original's other names for it, newest first; lower case, without `COLLECTOR_`."""

    def __init__(self, *names: str) -> None:
        self.names = names


class Settings(BaseModel):
    """All settings, checked and frozen; `load` finds their values."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        hide_input_in_errors=True,
        validate_default=True,
    )

    host: Host = "0.0.0.0"  # noqa: S104 - reporters are other machines and pods
    """Address that every listener binds: `0.0.0.0` all of IPv4, `::` all, `127.0.0.1` this machine only."""
    grpc_secure_port: Port = 9292
    """gRPC with TLS: what Istio's and Envoy's `lightstep` settings point at."""
    grpc_plain_port: Port = 8184
    """gRPC without TLS."""
    http_secure_port: Port = 9191
    """Reports over HTTPS."""
    http_plain_port: Port = 8181
    """Reports over HTTP."""
    secure_port: Port = 9393
    """Any protocol: gRPC and HTTP, with TLS; without, too, see `mixed_tls`."""
    plain_port: Port = 8383
    """Any protocol: gRPC and HTTP, without TLS; with, too, see `mixed_tls`."""
    developer_plain_port: Port = 8360
    """The same as `plain_port` once more, at the port that tracers use for a developer satellite."""
    faults: Profile = ""
    """A profile of faults for every project from the start: flaky-network, overloaded, rolling-restart, wrong-token,
    kill-switch, typical, slow_succeed, slow_fail."""
    benchmark_mode: Literal["", "typical", "slow_succeed", "slow_fail"] = ""
    """Stand in for the mock satellite of LightStep's benchmarks in this mode: reports are answered as late (1 ms, 10.5 ms) or
    refused as it did, and `GET /spans_received` at the ports for HTTP says how many spans were taken."""
    strict_checks: bool = False
    """Refuse reports with spans that a protocol check calls an error (zero or repeated ids, unusable times), in the protocol's
    words; for one project: the fault `strict`."""
    grpc_engine: Literal["edge", "grpcio"] = "edge"
    """What serves gRPC: the satellite's own edge, on every port for reports; or grpcio's server, on the ports for gRPC
    only, which then take nothing else."""
    receivers: Annotated[int | None, Field(ge=0, le=63)] = None
    """Processes that take and decode reports, in front of the one that stores and answers; 0: all in one process. Not set:
    by the processors that may be used, none on two or fewer or with little memory."""
    mixed_tls: bool | None = None
    """Whether the ports for any protocol serve clients that speak TLS where none is expected, and the other way round;
    diagnostics name them. Not set: unless access tokens are listed. TLS needs at least one secure port."""
    otlp_grpc_port: Port = 4317
    """gRPC without TLS once more, at OpenTelemetry's usual port. When another program has this port or one of the next
    four, and it was not set, the satellite starts without it and says so."""
    otlp_http_port: Port = 4318
    """HTTP once more, at OpenTelemetry's usual port."""
    zipkin_port: Port = 9411
    """HTTP once more, at Zipkin's usual port."""
    jaeger_grpc_port: Port = 14250
    """gRPC without TLS once more, at the port of a Jaeger collector."""
    jaeger_http_port: Port = 14268
    """HTTP once more, at the port of a Jaeger collector."""
    admin_plain_port: Port = 8180
    """`/_ready`, `/_live` and `/metrics` over HTTP."""
    admin_secure_port: Port = 9090
    """The same over HTTPS."""
    explorer_port: Annotated[
        Port, Original("diagnostics_plain_port", "diagnostic_port", "babysitter_port")
    ] = 8000
    """Explorer: the API under `/api/v1`, and `/diagnostics`; HTTP."""

    path_prefix: PathPrefix = ""
    """Path below which a proxy shows the Explorer, as in `/satellite`; not needed when the proxy says it in
    `X-Forwarded-Prefix`. Whether the proxy takes it away or leaves it makes no difference."""

    access_tokens: Secret[ProjectByToken] = Secret({})
    """The access tokens to let in, each with its project: `{"token": "project"}`. Empty: any token is let in and
    names its own project. Rather use a file than a flag, which other users of the machine can see."""
    access_tokens_file: OptionalFile = None
    """A YAML or JSON file of more access tokens, in the form of `access_tokens`; read once at start."""
    disable_access_token_checking: bool = False
    """No token is looked at, all spans go to `project_name`."""
    project_name: Annotated[str, Original("project_id")] = ""
    """The one project when `disable_access_token_checking` is on; without effect when it is off."""

    bytes_per_project: Annotated[Bytes, Original("reporter_bytes_per_project")] = 1_000_000_000
    """Memory for the spans of one project; the oldest go first, to `data_dir` when there is one. With the traffic it
    decides the recall window."""
    bytes_per_project_overrides: Annotated[
        BytesByProject,
        Original("reporter_bytes_per_project_overrides", "bytes_per_project_override"),
    ] = {}
    """Other values of `bytes_per_project` for some projects: `{"project": bytes}`."""
    bytes_in_total: Bytes = 4_000_000_000
    """Memory for the spans of all projects; beyond it the oldest spans go first, whoever's they are."""
    memory_limit_bytes: Bytes | None = None
    """What the process may take in all, as the operating system counts it; near it senders are told to try later and the
    oldest spans go. Not set: the container's limit, else the machine's memory. Budgets that are not set are made to fit."""
    snapshot_bytes: Bytes = 256 * 2**20
    """Memory for snapshots of all projects, beside that for spans; the oldest go first, pinned ones stay."""
    request_log_bytes: BytesOrNone = 64 * 2**20
    """Memory for the log of requests of all projects, bodies and answers with them: beyond it the project with the most loses
    its oldest. 0 keeps none."""
    request_log_bytes_per_project: BytesOrNone = 16 * 2**20
    """The same for one project, and for what reached none; 0 keeps none."""
    store: Literal["recall", "clickhouse"] = "recall"
    """The engine that keeps the spans: the satellite's own, in memory and in `data_dir`; or ClickHouse's, at
    `clickhouse_url`, which needs `pip install "mock-lightstep-satellite[server,clickhouse]"`."""
    clickhouse_url: ClickHouseUrl = Secret("")
    """Where `store` clickhouse keeps everything: `chdb:///path`, a folder in which ClickHouse runs inside the satellite's own
    process; or `http(s)://user:password@host:8123/database`, a server, which several satellites may share. It has budgets as
    `data_dir` has (`disk_bytes_per_project`, `disk_bytes_in_total`)."""
    clickhouse_cluster: Annotated[str, Field(pattern=r"^([A-Za-z0-9_.-]+)?$")] = ""
    """Of a server at `clickhouse_url`: the name of its cluster over whose nodes the tables are spread, replicated within each
    shard. Needed once, when they are made: tables that are there say it themselves."""
    data_dir: OptionalFile = None
    """Folder that keeps the spans across restarts: a report is acknowledged when it is on this disk. Not set: all is in
    memory, and gone with the process. One satellite to a folder."""
    disk_bytes_per_project: Bytes = 10_000_000_000
    """Disk for the spans of one project in `data_dir`; the oldest go first. With the traffic it decides the recall window."""
    disk_bytes_per_project_overrides: BytesByProject = {}
    """Other values of `disk_bytes_per_project` for some projects: `{"project": bytes}`."""
    disk_bytes_in_total: Bytes | None = None
    """Disk for the spans of all projects; beyond it the largest projects lose their oldest. Not set: four fifths of what
    is free or ours at the start."""
    retention_seconds: Seconds | None = None
    """How long a span is kept after it arrived, where `store` is clickhouse; it goes a twentieth of that later at most. Not set:
    as long as the budgets allow."""
    retention_seconds_overrides: SecondsByProject = {}
    """Other values of `retention_seconds` for some projects: `{"project": seconds}`."""
    duplicate_window_seconds: SecondsOrNone = 120.0
    """How far back a span that comes again is recognised and kept once; 0 looks for none."""
    max_msg_size_bytes: Annotated[Bytes, Field(le=2**31 - 1), Original("grpc_max_msg_size_bytes")] = (
        64 * 2**20
    )
    """The largest report, as sent and once more after decompression; a larger one is refused."""
    max_waiting_bytes: Bytes = 256 * 2**20
    """Reports that arrived and wait to be stored; beyond it senders are told to try later and `/_ready` says no."""
    ingestion_tags: Tags = {}
    """Tags that every span gets as it arrives: `key:value,key:value`."""

    cert_dir: File = Path("~/.local/state", CERTIFICATES)
    """Folder of the satellite's own CA and certificate; they are made there when it is empty. When the environment
    has XDG_STATE_HOME, the default is there instead of in `~/.local/state`."""
    san: Names = ()
    """More DNS names and IP addresses that the own certificate is for, with commas between them."""
    tls_cert_prefix: OptionalFile = None
    """A certificate of yours instead: `<prefix>.bundle.pem` (with its chain) and `<prefix>.key.pem`."""

    allowed_hosts: Names = ()
    """More names that the Explorer's and the admin ports may be called by, with commas between them; `.example.com` with all
    below it, `*` any. Addresses, `localhost` and the names of the certificate are allowed without."""
    question_seconds_max: Seconds = 10.0
    """How long a question of the Explorer may take before it is given up."""

    connections_per_port_max: Count = 4096
    """Open connections of one port; more are told to try later."""
    connections_per_peer_max: Count = 1024
    """Open connections of one port from one address, so that one client cannot take all of them."""
    streams_per_connection_max: Annotated[int, Field(ge=1, le=2**31 - 1)] = 256
    """Calls and requests at a time on one connection of HTTP/2; clients are told, and wait with more."""
    header_list_bytes_max: Annotated[Bytes, Field(ge=4096, le=2**20)] = 65_536
    """The headers of a request over HTTP/2, as RFC 9113 counts them; more are answered 431. HTTP/1 has 64 KiB."""
    handshake_seconds_max: Seconds = 10.0
    """For a TLS handshake, for the head of a request once it began, for the first settings of HTTP/2."""
    idle_seconds_max: Seconds = 75.0
    """Silence after which a connection of HTTP/1 is closed, between requests or within a body. Over HTTP/2 a client that is
    silent is asked for a sign of life instead."""
    slow_seconds_max: Seconds = 30.0
    """How long a client may leave its answers untaken, or send a body below `body_bytes_per_second_min`."""
    body_bytes_per_second_min: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 500.0
    """The least rate of a body or message that is not complete, on average since it began; 0: any. Over HTTP a slower one is
    answered 408, over gRPC UNAVAILABLE. Streams whose spans come one by one are not meant."""

    logging_level: Literal["debug", "info", "warning", "error"] = "info"
    """The least important log lines that are written."""
    logging_format: Literal["auto", "json", "text"] = "auto"
    """`auto`: text on a terminal, else JSON, one object per line."""
    logging_verbose: bool = False
    """The same as `logging_level` debug."""
    shutdown_grace_seconds: SecondsOrNone = 10.0
    """After SIGTERM or Ctrl-C: how long reports in hand may take before they are cut off."""

    @model_validator(mode="before")
    @classmethod
    def _second_ports_give_way(cls, values: dict[str, Any]) -> dict[str, Any]:
        # The original's developer satellite has HTTP_PLAIN_PORT=8360; our own default must not stand in its way.
        taken = {str(value).strip() for key, value in values.items() if key in PORTS}
        given_up = {
            name: OFF
            for name in SECOND_PORTS
            if name not in values and str(cls.model_fields[name].default) in taken
        }
        return values | given_up

    @model_validator(mode="after")
    def _makes_sense(self) -> Settings:
        if self.disable_access_token_checking and not is_project_name(self.project_name):
            message = (
                "disable_access_token_checking needs project_name: 1 to 64 letters, digits, '.', '_', '-'"
            )
            raise ValueError(message)
        if self.store == "clickhouse" and not self.clickhouse_url.get_secret_value():
            message = "store clickhouse needs clickhouse_url: chdb:///path or http://user:password@host:8123/database"
            raise ValueError(message)
        if self.store == "clickhouse" and self.data_dir is not None:
            message = "store clickhouse keeps everything at clickhouse_url: leave data_dir out"
            raise ValueError(message)
        if self.clickhouse_cluster and not self.clickhouse_url.get_secret_value().startswith("http"):
            message = "clickhouse_cluster needs a server: store clickhouse and clickhouse_url http://user:password@host:8123/database"
            raise ValueError(message)
        if self.store != "clickhouse" and (self.retention_seconds or self.retention_seconds_overrides):
            message = "retention_seconds needs store clickhouse; the satellite's own engine keeps what its budgets hold"
            raise ValueError(message)
        owners: dict[int, str] = {}
        for name in PORTS:
            port = getattr(self, name)
            if port not in {OFF, ANY_FREE_PORT} and (other := owners.setdefault(port, name)) != name:
                message = f"{other} and {name} are both {port}: change one, or turn it off with 0"
                raise ValueError(message)
        return self


PORTS = tuple(name for name in Settings.model_fields if name.endswith("_port"))
"""The settings that are a listener's port."""

NEIGHBOURS_PORTS = ("otlp_grpc_port", "otlp_http_port", "zipkin_port", "jaeger_grpc_port", "jaeger_http_port")
"""Those that a collector of another make on this machine may have; what is not set is then done without."""

SECOND_PORTS = ("secure_port", "plain_port", "developer_plain_port", *NEIGHBOURS_PORTS)
"""Those that give way, unless set, when another setting takes their port: what they serve is served elsewhere."""


def names_of(name: str) -> tuple[str, ...]:
    """All names of a setting: its own first, then the original's other ones."""
    marks = (mark for mark in Settings.model_fields[name].metadata if isinstance(mark, Original))
    return name, *(other for mark in marks for other in mark.names)


FIELDS = {known: name for name in Settings.model_fields for known in names_of(name)}
"""The setting behind each name that it has."""


def help_of(name: str) -> str:
    """What a setting does, on one line."""
    return _helps()[name]


@cache
def _helps() -> dict[str, str]:
    """What stands below each field; pydantic finds it too, by a search through all modules that takes a tenth of a start."""
    module = ast.parse(Path(__file__).read_text("utf-8"))
    [body] = [node.body for node in module.body if isinstance(node, ast.ClassDef) and node.name == "Settings"]
    return {
        field.target.id: " ".join(below.value.value.split())
        for field, below in pairwise(body)
        if isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if isinstance(below, ast.Expr)
        and isinstance(below.value, ast.Constant)
        and isinstance(below.value.value, str)
    }
