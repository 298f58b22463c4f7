"""`satellite cert`: make and show the satellite's certificates, and hand out its CA as PEM or as a Kubernetes Secret."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import httpx
import msgspec
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from mock_lightstep_satellite.calls import DEFAULT_URL, is_own_machine
from mock_lightstep_satellite.cli.exits import NOT_MET, UNREACHABLE
from mock_lightstep_satellite.errors import Unreachable
from satellite.cli.settings import settings_from_cli
from satellite.edges.certificates import BadCertificates
from satellite.edges.described import Certificate
from satellite.edges.kubernetes import kubernetes_secret
from satellite.edges.tls import CertificateStore
from satellite.errors import SatelliteError
from satellite.settings import Settings

app = typer.Typer(
    name="cert",
    help="Make, show and export the satellite's certificates. Private keys are never shown.",
    no_args_is_help=True,
)


class Format(StrEnum):
    """How an answer is printed."""

    TABLE = "table"
    JSON = "json"


Folder = Annotated[
    Path | None,
    typer.Option(
        "--dir",
        "--cert-dir",
        metavar="FOLDER",
        help="Where the satellite keeps its own CA and certificate. Else the setting `cert_dir`.",
    ),
]
Prefix = Annotated[
    Path | None,
    typer.Option(
        "--prefix",
        metavar="PATH",
        help="Own certificates: PATH.bundle.pem and PATH.key.pem. Else, without --dir, the setting `tls_cert_prefix`.",
    ),
]
Config = Annotated[
    Path | None,
    typer.Option(
        "--collector-base-config", metavar="FILE", help="A YAML file of settings, as `serve` takes it."
    ),
]
AnswerFormat = Annotated[Format, typer.Option("--format", help="How to print the answer.")]


@app.command()
def make(
    folder: Folder = None,
    san: Annotated[
        list[str] | None,
        typer.Option(
            "--san",
            metavar="NAME",
            help="Another DNS name or IP address it is for; repeatable. Else the setting `san`.",
        ),
    ] = None,
    force: Annotated[
        bool,
        typer.Option(
            "--force", help="A new server certificate, for exactly the names wanted now. The CA stays."
        ),
    ] = False,
    config: Config = None,
    answer_format: AnswerFormat = Format.TABLE,
) -> None:
    """Make the CA and the server certificate, as far as they are missing or due; show them."""
    settings = _settings(cert_dir=folder, san=san, collector_base_config=config)
    with _failures_shown():
        store = _store(settings.cert_dir, names=settings.san)
        if force:
            store.renew()
        _show(store, answer_format)
    if settings.tls_cert_prefix is not None:
        _warn(f"the settings name other certificates, which are served instead: {settings.tls_cert_prefix}")


@app.command()
def show(
    folder: Folder = None,
    prefix: Prefix = None,
    config: Config = None,
    answer_format: AnswerFormat = Format.TABLE,
) -> None:
    """Show the certificates that are there; makes none."""
    with _failures_shown():
        _show(_served(folder, prefix, config), answer_format)


FromUrl = Annotated[
    str | None,
    typer.Option(
        "--from-url",
        metavar="URL",
        envvar="SATELLITE_URL",
        help="The satellite whose CA it is: its Explorer's address. "
        f"Else {DEFAULT_URL}, unless a folder or prefix is named.",
        show_envvar=True,
    ),
]


@app.command()
def export(
    context: typer.Context,
    from_url: FromUrl = None,
    folder: Folder = None,
    prefix: Prefix = None,
    config: Config = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write it there instead of to the screen."),
    ] = None,
) -> None:
    """Print the CA certificate (PEM) that clients must trust: that of the satellite that runs. Never makes one, never a key."""
    with _failures_shown():
        pem = _ca_pem(context, from_url, folder, prefix, config)
        if output is None:
            typer.echo(pem, nl=False)
            return
        try:
            output.write_bytes(pem)
        except OSError as failure:
            raise BadCertificates(f"{output} cannot be written: {failure.strerror}") from failure


@app.command()
def secret(
    context: typer.Context,
    from_url: FromUrl = None,
    folder: Folder = None,
    namespace: Annotated[
        list[str] | None,
        typer.Option(
            "--namespace",
            "-n",
            metavar="NAME",
            help="A namespace whose workloads have sidecars; repeatable. Else only `default`.",
        ),
    ] = None,
    prefix: Prefix = None,
    config: Config = None,
) -> None:
    """Print the Secret `lightstep.cacert` with the CA of the satellite that runs, for `kubectl apply -f -`.

    Istio's sidecars need it in every namespace they run in; without it they send no spans, and say nothing. Never makes a CA.
    """
    with _failures_shown():
        pem = _ca_pem(context, from_url, folder, prefix, config)
        documents = [kubernetes_secret(pem, name) for name in dict.fromkeys(namespace or ["default"])]
        typer.echo("".join(documents), nl=False)


def _ca_pem(
    context: typer.Context, url: str | None, folder: Path | None, prefix: Path | None, config: Path | None
) -> bytes:
    """The CA from where it is: files that are named, else the satellite that runs, else the files of its settings.

    A CA that is made here, or lies in a folder that nobody named, would be another than the satellite's, and whoever trusts
    that one reports nothing and says nothing.
    """
    source = context.get_parameter_source(
        "from_url"
    )  # a URL of the environment outdoes no folder of the command line
    if (folder or prefix or config) and not (source and source.name == "COMMANDLINE"):
        return _offered(_served(folder, prefix, config))
    asked = url or DEFAULT_URL
    try:
        return _asked(asked)
    except Unreachable as failure:
        loaded = settings_from_cli({})
        origins = [loaded.origin[name] for name in ("cert_dir", "tls_cert_prefix")]
        if url is None and any(origin.startswith(("environment COLLECTOR", "file")) for origin in origins):
            return _offered(_served(None, None, None))
        raise Unreachable(
            failure.message,
            hint=failure.hint
            or "name the satellite with --from-url (Explorer's address, where /ca.pem is), or with --dir the folder of its "
            "certificates; in a cluster: kubectl --namespace lightstep exec deploy/lightstep-satellite -- satellite cert …",
        ) from failure


def _asked(url: str) -> bytes:
    """The CA that a satellite offers. Raises Unreachable, or BadCertificates when it offers none."""
    base = url.removesuffix("/").removesuffix("/ca.pem")
    try:
        reply = httpx.get(f"{base}/ca.pem", timeout=10, trust_env=not is_own_machine(base))
    except (httpx.HTTPError, httpx.InvalidURL) as failure:
        raise Unreachable(f"no satellite answers at {base} ({failure})") from failure
    if reply.status_code == httpx.codes.OK and reply.content.startswith(b"-----BEGIN CERTIFICATE"):
        return reply.content
    if reply.status_code == httpx.codes.NOT_FOUND and b"no CA to offer" in reply.content:
        raise BadCertificates(
            f"the satellite at {base} has certificates of its own without their CA, or no ports with TLS",
            hint="append the root certificate to its bundle, or give clients the CA file that issued it",
        )
    raise Unreachable(
        f"{base}/ca.pem answered {reply.status_code}, but not as a satellite does",
        hint="the URL is that of the Explorer, usually port 8000",
    )


def _settings(**flags: object) -> Settings:
    return settings_from_cli(flags).settings


def _served(folder: Path | None, prefix: Path | None, config: Path | None) -> CertificateStore:
    """The certificates that `serve` has with these settings, as far as they are there.

    A folder that is named beats a prefix that is not.
    """
    settings = _settings(cert_dir=folder, tls_cert_prefix=prefix, collector_base_config=config)
    own = settings.tls_cert_prefix if prefix is not None or folder is None else None
    return _store(settings.cert_dir, names=settings.san, prefix=own, make=False)


def _store(
    folder: Path, *, names: Sequence[str], prefix: Path | None = None, make: bool = True
) -> CertificateStore:
    return CertificateStore(
        folder,
        clock=lambda: datetime.now(UTC),
        host_name=socket.gethostname(),
        names=names,
        prefix=prefix,
        make=make,
    )


def _offered(store: CertificateStore) -> bytes:
    pem = store.ca_pem
    if pem is None:
        raise BadCertificates(
            "the bundle does not bring its CA certificate",
            hint="append the root certificate to it, or give clients the CA file that issued yours",
        )
    return pem


def _show(store: CertificateStore, answer_format: Format) -> None:
    certificates, warnings = store.describe(), [*store.warnings, *store.notes]
    if answer_format is Format.JSON:
        answer = {"certificates": certificates, "warnings": warnings}
        typer.echo(msgspec.json.format(msgspec.json.encode(answer), indent=2))
        return
    console = Console()
    for certificate in certificates:
        console.print(_table(certificate))
    for warning in warnings:
        _warn(warning)


def _warn(warning: str) -> None:
    typer.echo(f"warning: {warning}", err=True)


def _table(certificate: Certificate) -> Table:
    table = Table(
        title=f"{certificate.role} certificate", title_justify="left", show_header=False, min_width=60
    )
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    rows = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "names": "\n".join(certificate.names),
        "valid from": f"{certificate.not_before:%Y-%m-%d %H:%M} UTC",
        "valid until": f"{certificate.not_after:%Y-%m-%d %H:%M} UTC",
        "SHA-256": certificate.sha256,
        "source": certificate.source,
        "file": certificate.file,
    }
    for label, value in rows.items():
        if value:
            table.add_row(label, Text(value))  # as markup, `:AB:` in a fingerprint would become an emoji
    return table


@contextmanager
def _failures_shown() -> Iterator[None]:
    """A refusal or failure as two lines on the error output; exit code 3 when no satellite answers, else 1."""
    try:
        yield
    except SatelliteError as failure:
        typer.echo(f"error: {failure.message}", err=True)
        if failure.hint:
            typer.echo(f"hint: {failure.hint}", err=True)
        raise typer.Exit(UNREACHABLE if isinstance(failure, Unreachable) else NOT_MET) from failure
