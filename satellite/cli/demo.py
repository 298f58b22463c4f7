"""`satellite demo`: Bookinfo traffic into a satellite, as an Envoy would report it."""

from __future__ import annotations

import json
import os
import secrets
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

from mock_lightstep_satellite.cli.durations import FORMS, seconds
from satellite.cli.formats import Format
from satellite.errors import BadRequest
from satellite.settings import BadSetting, Settings, load

if TYPE_CHECKING:
    from satellite.mesh.bookinfo import Bookinfo
    from satellite.mesh.sender import Sender, Totals

TICK_SECONDS = 0.1
"""How often the clock is looked at; reports go once a second for each proxy, spread over the second."""


EXAMPLE_QUERY = 'service IN ("ratings.default") AND "http.status_code" IN ("500")'


def demo(
    address: Annotated[
        str, typer.Option(help="host:port of the satellite. Default: localhost and its gRPC port.")
    ] = "",
    ca: Annotated[
        Path | None,
        typer.Option(
            help="CA certificate to trust. Default: the CA that `satellite serve` made on this machine."
        ),
    ] = None,
    plain: Annotated[bool, typer.Option("--plain", help="Without TLS.")] = False,
    token: Annotated[
        str, typer.Option(help="Access token. Default: none, so the project is `default`.")
    ] = "",
    rate: Annotated[float, typer.Option(min=0.01, help="Page visits a second, 6 to 8 spans each.")] = 5.0,
    duration: Annotated[
        str | None,
        typer.Option(help=f"How long: {FORMS}. Default: until Ctrl-C.", show_default=False),
    ] = None,
    traces: Annotated[
        int | None, typer.Option(min=1, help="Stop after so many visits.", show_default=False)
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            help="Of everything random, ids included. Default: another each time.", show_default=False
        ),
    ] = None,
    gateway: Annotated[bool, typer.Option(help="Let requests come through an ingress gateway.")] = True,
    format_: Annotated[
        Format, typer.Option("--format", help="A progress bar and a line to read, or JSON.")
    ] = Format.TEXT,
) -> None:
    """Send Bookinfo traffic (with some errors and slow calls in it) to a satellite, by gRPC over TLS as Envoy does."""
    # gRPC's core writes its own lines to the screen about what is said in our words below; read when it is imported.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    from satellite.mesh.bookinfo import Bookinfo
    from satellite.mesh.sender import Sender, Undeliverable

    console = Console(emoji=False, stderr=True)
    lasts_seconds = None if duration is None else seconds(duration)
    if lasts_seconds == 0:
        raise BadRequest("--duration: nothing can be sent in no time", hint=FORMS)
    try:
        settings = load({}, os.environ).settings
        port = settings.grpc_plain_port if plain else settings.grpc_secure_port
        target = address or f"localhost:{port}"
        sender = Sender(target, ca_pem=None if plain else _ca_pem(ca, settings))
        seed = seed if seed is not None else secrets.randbits(32)
        bookinfo = Bookinfo(
            seed,
            start_ns=time.time_ns(),
            requests_per_second=rate,
            requests_max=traces,
            token=token or _listed_token(settings),
            gateway=gateway,
        )
        sender.check(bookinfo.proxies[0].reporter, bookinfo.token)
    except (BadSetting, Undeliverable) as error:
        console.print(f"satellite demo: {error}", style="red", markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1) from error

    started = time.monotonic()
    try:
        with _progress(console, hidden=format_ is Format.JSON) as progress:
            _run(bookinfo, sender, progress, lasts_seconds)
    except KeyboardInterrupt:
        pass  # the way to end it
    for report in bookinfo.rest():
        sender.send(report)
    totals = sender.finish()

    if format_ is Format.JSON:
        _print_json(bookinfo, totals, seed)
    else:
        _print_text(console, bookinfo, totals, seed, time.monotonic() - started, token)
    if not totals.spans_sent:
        raise typer.Exit(1)


def _print_json(bookinfo: Bookinfo, totals: Totals, seed: int) -> None:
    result = {
        "seed": seed,
        "requests": bookinfo.requests,
        "spans_sent": totals.spans_sent,
        "spans_refused": totals.spans_refused,
        "reports_sent": totals.reports_sent,
        "reports_refused": totals.reports_refused,
        "last_refusal": totals.last_refusal or None,
        "example_query": EXAMPLE_QUERY,
    }
    print(json.dumps(result, indent=2))


def _print_text(
    console: Console, bookinfo: Bookinfo, totals: Totals, seed: int, took_seconds: float, token: str
) -> None:
    if totals.last_refusal:
        console.print(f"Last refusal: {totals.last_refusal}", style="red", markup=False, soft_wrap=True)
    project = "--project <the token's project> " if token else ""
    print(
        f"{totals.spans_sent:,} spans of {bookinfo.requests:,} visits sent in {took_seconds:.0f} s, "
        f"{totals.spans_refused:,} refused (seed {seed}). Try: satellite spans {project}'{EXAMPLE_QUERY}'"
    )


def _run(bookinfo: Bookinfo, sender: Sender, progress: Progress, duration: float | None) -> None:
    start_ns = time.time_ns()
    end_ns = start_ns + int(duration * 1e9) if duration else None
    task = progress.add_task("Bookinfo", total=duration, sent=0, refused=0)
    while True:
        now_ns = time.time_ns()
        until_ns = min(now_ns, end_ns) if end_ns else now_ns
        for report in bookinfo.reports(until_ns):
            sender.send(report)
        totals = sender.totals
        progress.update(
            task,
            completed=(until_ns - start_ns) / 1e9,
            sent=totals.spans_sent,
            refused=totals.spans_refused,
        )
        if bookinfo.exhausted or until_ns == end_ns:
            return
        time.sleep(TICK_SECONDS)


def _progress(console: Console, *, hidden: bool) -> Progress:
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[sent]:,} spans sent"),
        TextColumn("{task.fields[refused]:,} refused"),
        console=console,
        transient=True,
        disable=hidden or not console.is_terminal,
    )


def _ca_pem(given: Path | None, settings: Settings) -> bytes:
    """What to trust: the file given, or what the satellite with these settings shows."""
    file = given or _own_ca(settings)
    try:
        return file.read_bytes()
    except OSError as error:
        message = f"no CA certificate at {file} ({error.strerror})"
        if given:
            raise BadSetting(message) from error
        raise BadSetting(f"{message}: is the satellite running? Else --ca FILE, or --plain") from error


def _own_ca(settings: Settings) -> Path:
    if settings.tls_cert_prefix:
        return Path(f"{settings.tls_cert_prefix}.bundle.pem")
    return settings.cert_dir / "ca.pem"


def _listed_token(settings: Settings) -> str:
    """Where tokens are listed one must be shown: the first. Otherwise none."""
    return next(iter(settings.access_tokens.get_secret_value()), "")
