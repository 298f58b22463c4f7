"""Where the values of settings come from, and what there is to say about that.

From the strongest source to the weakest, as the original had it: flags, the YAML file that the flag
`--collector-base-config` names, the environment (`COLLECTOR_` and the name in capitals), the YAML file that
`COLLECTOR_BASE_CONFIG` names, the defaults of the declaration. Keys of nested YAML join with `_`.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import Secret, ValidationError

from satellite.settings.declaration import (
    CERTIFICATES,
    FIELDS,
    SECOND_PORTS,
    BadSetting,
    Settings,
    help_of,
    names_of,
)
from satellite.settings.no_effect import NO_EFFECT, why_no_effect
from satellite.settings.values import OFF
from satellite.settings.what_is_right import what_is_right


class _Given(NamedTuple):
    """One value that a source gives."""

    key: str
    """Lower case with `_`; may be no setting's name."""
    value: Any
    origin: str
    """For people: `environment COLLECTOR_HOST`."""


@dataclass(frozen=True, slots=True)
class Shown:
    """One setting for the eye, secrets masked."""

    name: str
    value: Any
    """What JSON can hold. Of `access_tokens` only how many there are, and their projects."""
    origin: str
    help: str
    names: tuple[str, ...]
    """The original's other names for it."""

    @property
    def text(self) -> str:
        """The value on one line; "" for none."""
        match self.value:
            case bool():
                return str(self.value).lower()
            case dict() | list():
                return json.dumps(self.value) if self.value else ""
            case None:
                return ""
            case _:
                return str(self.value)


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and what there is to say about their sources."""

    settings: Settings
    origin: dict[str, str]
    """By setting: `default`, `flag --host`, `environment COLLECTOR_HOST`, `file F: host`."""
    no_effect: list[str] = field(default_factory=list)
    """Names of the original that were given and do nothing here, each with its source and the reason."""
    unknown: list[str] = field(default_factory=list)
    """Environment names that nobody knows, each with the nearest known one."""

    def shown(self) -> list[Shown]:
        """Every setting in the order of `Settings`."""
        return [
            Shown(
                name,
                _masked(getattr(self.settings, name)),
                self.origin[name],
                help_of(name),
                names_of(name)[1:],
            )
            for name in Settings.model_fields
        ]


def _masked(value: Any) -> Any:
    match value:
        case Secret():
            secret = value.get_secret_value()
            if isinstance(secret, str):
                return _without_credentials(secret)
            projects = secret.values()
            return {"tokens": len(projects), "projects": sorted(set(projects))} if projects else {}
        case Path():
            return str(value)
        case tuple():
            return list(value)
        case _:
            return value


def _without_credentials(url: str) -> str:
    scheme, separator, rest = url.partition("://")
    return scheme + separator + rest.rpartition("@")[2]


ENVIRONMENT_PREFIX = "COLLECTOR_"
BASE_CONFIG = "collector_base_config"
"""The flag, and in capitals the environment name, that names a YAML file."""


def load(
    flags: Mapping[str, Any], environ: Mapping[str, str], *, assignments: Mapping[str, Any] | None = None
) -> Loaded:
    """The settings from all their sources.

    Args:
        flags: by name, in snake or kebab case without dashes before it; `collector_base_config` names a file.
        environ: the environment; an empty value counts as none.
        assignments: flags too, given as `--set name=value`.

    Raises:
        BadSetting: a value that cannot be, an unknown flag or key of a file, a file that cannot be read.
    """
    given_flags = {_key(name): value for name, value in flags.items()}
    flag_file = given_flags.pop(BASE_CONFIG, None)
    environ_file = environ.get(BASE_CONFIG.upper())
    assigned = {_key(name): value for name, value in (assignments or {}).items()}
    by_flag = [_Given(key, value, f"flag --{key.replace('_', '-')}") for key, value in given_flags.items()]
    by_flag += [_Given(key, value, f"flag --set {key}") for key, value in assigned.items()]
    strict_and_sources = [
        (True, by_flag),
        (True, _read_file(flag_file, "flag --collector-base-config")),
        (False, list(_read_environment(environ))),
        (True, _read_file(environ_file, "environment COLLECTOR_BASE_CONFIG")),
    ]
    chosen: dict[str, _Given] = {}
    no_effect: list[str] = []
    unknown: list[str] = []
    for strict, source in strict_and_sources:
        here: dict[str, _Given] = {}
        for given in source:
            if why := why_no_effect(given.key, given.value):
                no_effect.append(f"{given.origin}: {why}")
            elif name := FIELDS.get(given.key):
                twin = here.setdefault(name, given)
                if twin.value != given.value:
                    message = f"{twin.origin} and {given.origin} are one setting and differ: remove one"
                    raise BadSetting(message)
            elif strict:
                message = f"{given.origin}: no such setting{_nearest(given.key)}; see `satellite settings`"
                raise BadSetting(message)
            else:
                unknown.append(f"{given.origin}: no such setting{_nearest(given.key, environment=True)}")
        chosen = here | chosen
    state = Path(environ.get("XDG_STATE_HOME", ""))
    if state.is_absolute():  # a relative one does not count, says the specification
        chosen.setdefault("cert_dir", _Given("cert_dir", state / CERTIFICATES, "environment XDG_STATE_HOME"))
    settings = _check(chosen)
    origin = {name: chosen[name].origin if name in chosen else "default" for name in Settings.model_fields}
    if settings.access_tokens_file:
        file = settings.access_tokens_file
        settings = _with_tokens(settings, _read_tokens(file, origin["access_tokens_file"]), str(file))
        also = f"file {file}"
        origin["access_tokens"] = f"{origin['access_tokens']}, {also}" if "access_tokens" in chosen else also
    for name in SECOND_PORTS:
        if getattr(settings, name) == OFF and name not in chosen:
            origin[name] = "another listener has its port"
    return Loaded(settings, origin, no_effect, unknown)


def _key(name: str) -> str:
    return name.strip().lower().replace("-", "_")


def _nearest(key: str, *, environment: bool = False) -> str:
    near = difflib.get_close_matches(key, [*FIELDS, *NO_EFFECT], n=1)
    names = [ENVIRONMENT_PREFIX + name.upper() if environment else name for name in near]
    return f", did you mean {names[0]}?" if names else ""


def _read_environment(environ: Mapping[str, str]) -> Iterator[_Given]:
    for name, value in sorted(environ.items()):
        if name.startswith(ENVIRONMENT_PREFIX) and name != BASE_CONFIG.upper() and value:
            yield _Given(name.removeprefix(ENVIRONMENT_PREFIX).lower(), value, f"environment {name}")


def _read_file(file: Any, named_by: str) -> list[_Given]:
    if not file:
        return []
    content = _read_yaml(Path(file), named_by)
    return list(_flatten(content, "", str(file)))


def _read_yaml(file: Path, named_by: str) -> dict[Any, Any]:
    """The mapping in a YAML (or JSON) file; no error text shows what is in it, for there may be tokens."""
    import yaml  # few starts have such a file

    try:
        content = yaml.safe_load(file.expanduser().read_text("utf-8"))
    except OSError as error:
        message = f"{named_by}: cannot read {file}: {error.strerror}"
        raise BadSetting(message) from None
    except UnicodeDecodeError:
        message = f"{named_by}: {file} is no text in UTF-8"
        raise BadSetting(message) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        message = f"{named_by}: {file}{place}: not YAML"
        raise BadSetting(message) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        message = f"{named_by}: {file} must hold a mapping, `name: value` on each line"
        raise BadSetting(message)
    return content


def _flatten(content: Mapping[Any, Any], prefix: str, file: str) -> Iterator[_Given]:
    for name, value in content.items():
        key = prefix + _key(str(name))
        if isinstance(value, dict) and value and key not in FIELDS and key not in NO_EFFECT:
            yield from _flatten(value, f"{key}_", file)
        elif value is not None and value != "":
            yield _Given(key, value, f"file {file}: {key}")


def _read_tokens(file: Path, named_by: str) -> dict[str, str]:
    content = _read_yaml(file, named_by)
    if not content or not all(isinstance(value, str) for pair in content.items() for value in pair):
        # An empty list would let everybody in, which whoever names a file does not want.
        message = (
            f"{named_by}: {file} must hold at least one `token: project`, both as text (in quotes if digits)"
        )
        raise BadSetting(message)
    return content


def _with_tokens(settings: Settings, tokens: Mapping[str, str], origin: str) -> Settings:
    listed = settings.access_tokens.get_secret_value()
    if any(listed.get(token, project) != project for token, project in tokens.items()):
        message = f"file {origin}: gives a token another project than access_tokens does"
        raise BadSetting(message)
    values = {name: getattr(settings, name) for name in settings.model_fields_set}
    return _check(
        {name: _Given(name, value, name) for name, value in values.items()}
        | {"access_tokens": _Given("access_tokens", listed | dict(tokens), f"file {origin}")}
    )


def _check(chosen: Mapping[str, _Given]) -> Settings:
    try:
        return Settings(**{name: given.value for name, given in chosen.items()})
    except ValidationError as error:
        problems = []
        for problem in error.errors(include_url=False, include_input=False):
            name = str(problem["loc"][0]) if problem["loc"] else ""
            text = what_is_right(name, problem["type"], problem.get("ctx", {}))
            text = text or problem["msg"].removeprefix("Value error, ")
            # Below the setting's own name the place may be a token.
            place = "" if name == "access_tokens" else "".join(f", {part}" for part in problem["loc"][1:])
            problems.append(f"{chosen[name].origin}{place}: {text}" if name in chosen else text)
        message = "; ".join(problems)
    raise BadSetting(message)
