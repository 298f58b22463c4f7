"""Values as people write them in flags, files and the environment: types for fields, each with what it takes and refuses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, Secret

from satellite.faults.profiles import PROFILES
from satellite.intake.tokens import is_project_name

OFF = 0
"""As a port: no listener."""

ANY_FREE_PORT = -1
"""As a port (ours): the system picks a free one; written `free`."""


def port(value: object) -> object:
    """A port's number for its words; anything else as it is."""
    if isinstance(value, bool):  # YAML's `off` and `on`
        if value:
            message = "write a port's number, or 0 for no listener"
            raise ValueError(message)
        return OFF
    words = {"off": OFF, "free": ANY_FREE_PORT}
    return words.get(value.strip().lower(), value) if isinstance(value, str) else value


_TIMES = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
_SIZES = {"b": 1} | {
    prefix + binary + byte: base**power
    for base, binary in ((1000, ""), (1024, "i"))
    for power, prefix in enumerate("kmgt", 1)
    for byte in ("", "b")
}
_AMOUNT = re.compile(r"(\d{1,15}(?:\.\d{1,9})?) ?([a-z]+)", re.ASCII)


def _size(value: object) -> object:
    """Bytes for `512Mi`, `1GB`; anything else as it is."""
    amount = _amount(value, _SIZES)
    return value if amount is None else round(amount)


def _time(value: object) -> object:
    """Seconds for `30s`, `2m`; anything else as it is."""
    amount = _amount(value, _TIMES)
    return value if amount is None else amount


def _amount(value: object, units: Mapping[str, float]) -> float | None:
    found = _AMOUNT.fullmatch(value.strip().lower()) if isinstance(value, str) else None
    return float(found[1]) * units[found[2]] if found and found[2] in units else None


def _host(value: str) -> str:
    """Without the brackets that an address of IPv6 has in a URL."""
    return value[1:-1] if value.startswith("[") and value.endswith("]") else value


def _map(value: object) -> object:
    """JSON in a text; a mapping stays."""
    if isinstance(value, str):
        try:
            return json.loads(value) if value.strip() else {}
        except ValueError:
            message = 'not JSON; write it as {"name": "value"}'
            raise ValueError(message) from None
    return value


def _tags(value: object) -> object:
    """`key:value,key:value`; the value may hold colons."""
    if not isinstance(value, str):
        return value
    pairs = [part.partition(":") for part in value.split(",") if part.strip()]
    if any(not key.strip() or not colon for key, colon, _ in pairs):
        message = "write tags as key:value,key:value"
        raise ValueError(message)
    return {key.strip(): text.strip() for key, _, text in pairs}


def _names(value: object) -> object:
    """A text with commas, or a list of such texts."""
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts):
        return tuple(name.strip() for text in texts for name in text.split(",") if name.strip())
    return value


def _project(name: str) -> str:
    if not is_project_name(name):
        message = "a project's name has 1 to 64 letters, digits, '.', '_', '-' (and is not '.', '..' or '-')"
        raise ValueError(message)
    return name


def _profile(name: str) -> str:
    if name and name not in PROFILES:
        message = f"no profile of faults; there are {', '.join(PROFILES)}"
        raise ValueError(message)
    return name


def _path_prefix(path: str) -> str:
    path = path.rstrip("/")
    if path and not re.fullmatch(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+", path):
        message = "a path has letters, digits, '.', '_', '~', '-' between slashes, as in /satellite"
        raise ValueError(message)
    return path


def _clickhouse(url: Secret[str]) -> Secret[str]:
    from satellite.store.clickhouse.server import Server

    text = url.get_secret_value()
    scheme, _, rest = text.partition("://")
    if scheme in {"http", "https"}:
        Server.of(text)
    elif text and not (scheme == "chdb" and rest.startswith("/") and rest.strip("/")):
        message = "write it as chdb:///path, with a folder of its own, or as http(s)://user:password@host:8123/database"
        raise ValueError(message)
    return url


def _home(path: object) -> object:
    return Path(path).expanduser() if path and isinstance(path, Path | str) else path or None


Port = Annotated[int, BeforeValidator(port), Field(ge=ANY_FREE_PORT, le=65535)]
Host = Annotated[str, AfterValidator(_host)]
BytesOrNone = Annotated[int, Field(ge=0), BeforeValidator(_size)]
Bytes = Annotated[int, Field(ge=1), BeforeValidator(_size)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False), BeforeValidator(_time)]
SecondsOrNone = Annotated[float, Field(ge=0, allow_inf_nan=False), BeforeValidator(_time)]
Count = Annotated[int, Field(ge=1)]
Project = Annotated[str, AfterValidator(_project)]
BytesByProject = Annotated[dict[Project, Bytes], BeforeValidator(_map)]
SecondsByProject = Annotated[dict[Project, Seconds], BeforeValidator(_map)]
ProjectByToken = Annotated[dict[Annotated[str, Field(min_length=1)], Project], BeforeValidator(_map)]
Names = Annotated[tuple[str, ...], BeforeValidator(_names)]
Tags = Annotated[dict[str, str], BeforeValidator(_tags)]
Profile = Annotated[str, AfterValidator(_profile)]
PathPrefix = Annotated[str, AfterValidator(_path_prefix)]
ClickHouseUrl = Annotated[Secret[str], AfterValidator(_clickhouse)]
File = Annotated[Path, BeforeValidator(_home)]
OptionalFile = Annotated[Path | None, BeforeValidator(_home)]
