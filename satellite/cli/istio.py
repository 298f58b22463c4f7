"""`satellite istio`: the settings that point Istio at a satellite."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated

import typer

from satellite.cli.formats import Format
from satellite.errors import BadRequest
from satellite.mesh.istio import (
    GENERATIONS,
    Generation,
    default_address,
    generation_for,
    generation_named,
    part_of,
    settings_for,
    traps_of,
)
from satellite.mesh.target import TOKEN


class Part(StrEnum):
    """What one program applies."""

    ISTIOCTL = "istioctl"
    KUBECTL = "kubectl"


def istio(
    generation: Annotated[
        str, typer.Option(help="One of: " + ", ".join(one.name for one in GENERATIONS) + ".")
    ] = "",
    version: Annotated[
        str, typer.Option(help="The version of Istio, such as 1.8: chooses the generation.")
    ] = "",
    address: Annotated[
        str,
        typer.Option(help=f"host:port as the proxies reach the satellite. Default: {default_address()}."),
    ] = "",
    token: Annotated[str, typer.Option(help="The access token; Istio wants one.")] = TOKEN,
    plain: Annotated[bool, typer.Option("--plain", help="Without TLS.")] = False,
    part: Annotated[
        Part | None,
        typer.Option(
            "--part",
            help="Only the documents for this program, to be piped into it: istioctl (or helm) takes the values of the mesh, "
            "kubectl what from 1.16 on stands beside them. Needs --version or --generation.",
        ),
    ] = None,
    format_: Annotated[
        Format, typer.Option("--format", help="YAML with comments, or JSON around it.")
    ] = Format.TEXT,
) -> None:
    """Print the settings that make Istio report here, as YAML with its pitfalls; without options for all generations."""
    try:
        chosen = _chosen(generation, version)
        texts = [settings_for(one, address=address, token=token, plain=plain) for one in chosen]
    except BadRequest as error:
        raise typer.BadParameter(f"{error.message}; {error.hint}") from error
    if part is not None:
        if len(chosen) != 1 or format_ is not Format.TEXT:
            raise typer.BadParameter("--part needs --version or --generation, and is text")
        try:
            print(part_of(texts[0], part.value), end="")
        except BadRequest as error:
            raise typer.BadParameter(f"{error.message}; {error.hint}") from error
        return
    if format_ is Format.TEXT:
        print("---\n".join(texts), end="")
        return
    entries = [
        {
            "generation": one.name,
            "istio": one.versions,
            "title": one.title,
            "protocol": one.protocol,
            "traps": traps_of(one, plain=plain),
            "settings": text,
        }
        for one, text in zip(chosen, texts, strict=True)
    ]
    print(json.dumps(entries, indent=2, ensure_ascii=False))


def _chosen(generation: str, version: str) -> list[Generation]:
    if generation and version:
        raise BadRequest("both --generation and --version", hint="one of them is enough")
    if generation:
        return [generation_named(generation)]
    if version:
        return [generation_for(version)]
    return list(GENERATIONS)
