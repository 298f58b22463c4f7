"""Write what comes from code in the pages of docs/: `python docs/generate.py [--check]`.

settings.md is made whole. protocols.md, faults.md and architecture.md are written by hand but for parts between two
comments: tables, examples, and the map of rooms, which is what each room says of itself first. The table of clients shows
what is on record of them (tests/interop/matrix.py says how it gets there).
"""

from __future__ import annotations

import argparse
import ast
import json
import re
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from unittest.mock import Mock

from pydantic import Secret

from satellite.api.explorer import create_api
from satellite.cli.settings import EVERYDAY
from satellite.intake.arrivals import Arrivals
from satellite.ports import ADMIN, EXPLORER, PURPOSES
from satellite.protocols import PROTOCOLS, WireProtocol
from satellite.settings import ENVIRONMENT_PREFIX, NO_EFFECT, NO_EFFECT_PREFIXES, Settings, help_of, names_of

HERE = Path(__file__).parent

_SETTINGS_INTRODUCTION = """\
<!-- Made by docs/generate.py from satellite/settings/: `make docs`. -->
# Settings

`satellite settings` prints each setting with its value and where the value comes from. The sources, strongest first,
are those of the original, in its order:

1. flags: `--set name=value` for any setting, and `--name value` for the everyday ones (marked † below);
2. the YAML file that the flag `--collector-base-config` names;
3. the environment: `COLLECTOR_` and the name in capitals;
4. the YAML file that the environment variable `COLLECTOR_BASE_CONFIG` names;
5. the defaults below.

In YAML, keys of several levels join with `_`: `logging: {level: debug}` is `logging_level`. An empty environment
variable counts as none. Unknown flags and keys of a file are refused; unknown `COLLECTOR_…` variables are logged.
Ports: `0` or `off` means no listener, `free` any free port. Bytes may be written as `512Mi` or `1GB`, seconds as `500ms`, `2m` or `1d`.
"""

_NO_EFFECT_INTRODUCTION = """\
## Accepted without effect

Names of the original that mean nothing here. They are accepted, and logged once.
"""


def settings_page() -> str:
    """Every setting and every name that is accepted without effect, as Markdown."""
    rows = [
        (
            f"`{name}`" + (" †" if name in EVERYDAY else ""),
            _default(name),
            "<br>".join(f"`{ENVIRONMENT_PREFIX}{known.upper()}`" for known in names_of(name)),
            help_of(name),
        )
        for name in Settings.model_fields
    ]
    ignored = dict(NO_EFFECT) | {f"{prefix}…": why for prefix, why in NO_EFFECT_PREFIXES.items()}
    return "\n".join(
        [
            _SETTINGS_INTRODUCTION,
            *_table(("setting", "default", "environment", "what it does"), rows),
            "",
            _NO_EFFECT_INTRODUCTION,
            *_table(("name", "why"), [(f"`{name}`", why) for name, why in sorted(ignored.items())]),
            "",
        ]
    )


def _default(name: str) -> str:
    field = Settings.model_fields[name]
    default = field.default.get_secret_value() if isinstance(field.default, Secret) else field.default
    match default:
        case None | "" | ():
            return ""
        case dict():
            return f"`{json.dumps(default)}`" if default else ""
        case bool():
            return f"`{str(default).lower()}`"
        case _:
            return f"`{default}`"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    lines = [head, tuple("---" for _ in head), *rows]
    return ["| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines]


def protocols_page() -> str:
    """protocols.md with its tables made anew."""
    page = (HERE / "protocols.md").read_text("utf-8")
    page = _with(page, "ports", _table(("port", "setting", "what answers", "speaks", "TLS"), _ports()))
    head = ("name", "gRPC", "HTTP", "content types")
    page = _with(page, "routes", _table(head, map(_routes, PROTOCOLS)))
    return _with(page, "clients", _clients())


def _with(page: str, name: str, lines: list[str]) -> str:
    """The page with other lines between the two comments of that name."""
    begin, end = rf"<!-- begin {name}: [^\n]*-->\n", rf"<!-- end {name} -->"
    text, times = re.subn(
        f"({begin}).*?({end})",
        lambda found: "\n".join([found[1], *lines, "", found[2]]),
        page,
        flags=re.DOTALL,
    )
    if times != 1:
        sys.exit(f"a page needs the comments `begin {name}: …` and `end {name}` once")
    return text


def _ports() -> Iterable[tuple[str, ...]]:
    for name, purpose in PURPOSES.items():
        yield (
            f"{Settings.model_fields[name].default}",
            f"`{name}`",
            purpose,
            "HTTP/1" if purpose in {ADMIN, EXPLORER} else "HTTP/1, HTTP/2",
            "yes" if "secure" in name else "no",
        )


def _routes(protocol: WireProtocol) -> tuple[str, ...]:
    return (
        f"`{protocol.name}`",
        "<br>".join(f"`{method.removeprefix('/')}`" for method in protocol.grpc_methods),
        "<br>".join(f"`{method} {path}`" for method, path in protocol.http_routes),
        "<br>".join(f"`{content_type}`" for content_type in protocol.content_types),
    )


def _clients() -> list[str]:
    """The table of tests.interop.matrix."""
    sys.path.insert(0, str(HERE.parent))
    from tests.interop import matrix  # a part of the checkout, not of what is installed

    return matrix.table(matrix.recorded()).splitlines()


def faults_page() -> str:
    """faults.md with its examples, which are tests of real tracers, as they are now."""
    tests = HERE.parent / "tests/interop/test_what_tracers_do.py"
    source = tests.read_text("utf-8")
    functions = {one.name: one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef)}
    page = (HERE / "faults.md").read_text("utf-8")
    for name in re.findall(r"<!-- begin (test_\w+):", page):
        test = functions[name]
        first = min([test.lineno, *(one.lineno for one in test.decorator_list)])
        lines = source.splitlines()[first - 1 : test.end_lineno]
        page = _with(page, name, ["```python", *lines, "```"])
    return page


def architecture_page() -> str:
    """architecture.md with its map made anew, from the first line of each room and of each module beside them."""
    page = (HERE / "architecture.md").read_text("utf-8")
    return _with(page, "map", _table(("where", "what"), _rooms(HERE.parent)))


def _rooms(root: Path) -> Iterable[tuple[str, str]]:
    light = root / "mock_lightstep_satellite"
    yield f"`{light.name}/`", _first_line(light / "__init__.py")
    for path in sorted((root / "satellite").iterdir(), key=lambda path: (path.is_dir(), path.name)):
        if path.suffix == ".py" and path.name != "__init__.py":
            yield f"`{path.name}`", _first_line(path)
        elif (room := path / "__init__.py").exists():
            yield f"`{path.name}/`", _first_line(room)
            for inner in sorted(path.glob("*/__init__.py")):
                yield f"`{path.name}/{inner.parent.name}/`", _first_line(inner)


def _first_line(module: Path) -> str:
    documented = ast.get_docstring(ast.parse(module.read_text("utf-8"))) or ""
    return " ".join(documented.split("\n\n")[0].split())


_OLDER_HEAD = """\
# Made by docs/generate.py from satellite.yaml, for Kubernetes 1.11 to 1.18 (the clusters of Istio 1.1 to 1.7): `make docs`.
# Without fields that came later, which these versions refuse; the seccomp profile is an annotation there.
#
"""
_LATER_FIELDS = re.compile(
    r" +appProtocol: .*\n| +enableServiceLinks: .*\n| +seccompProfile:\n +type: RuntimeDefault\n"
)
_ANNOTATIONS = '      annotations:\n        prometheus.io/scrape: "true"\n'


def older_manifest() -> str:
    """deploy/satellite.yaml for clusters that know neither appProtocol, seccompProfile nor enableServiceLinks."""
    text = (HERE.parent / "deploy" / "satellite.yaml").read_text()
    seccomp = _ANNOTATIONS + "        seccomp.security.alpha.kubernetes.io/pod: runtime/default\n"
    text = _LATER_FIELDS.sub("", text).replace(_ANNOTATIONS, seccomp)
    return _OLDER_HEAD + text.replace("deploy/satellite.yaml", "deploy/satellite-k8s-1.11.yaml")


def api_document() -> str:
    """The OpenAPI document, of which the pages' build makes its types."""
    # No endpoint is called, so there need not be anything behind them.
    api = create_api(
        sources=Mock(),
        slots=Mock(),
        saved=Mock(),
        arrivals=Arrivals(),
        intake=Mock(),
        writer=Mock(),
        book=Mock(),
        log=Mock(),
        inflate=Mock(),
        version="1",
    )
    return json.dumps(api.openapi(), indent=1, sort_keys=True) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "../web/openapi.json": api_document,
    "settings.md": settings_page,
    "protocols.md": protocols_page,
    "faults.md": faults_page,
    "architecture.md": architecture_page,
    "../deploy/satellite-k8s-1.11.yaml": older_manifest,
}
"""The pages by file name; and what else is made of one source."""


def main() -> None:
    """Write the pages, or with --check say whether those committed are current."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    check = parser.parse_args().check
    stale = []
    for name, make in PAGES.items():
        page = make()
        if not check:
            (HERE / name).write_text(page, "utf-8")
        elif not (HERE / name).exists() or (HERE / name).read_text("utf-8") != page:
            stale.append(name)
    if stale:
        sys.exit(f"stale, run `make docs`: {', '.join(stale)}")


if __name__ == "__main__":
    main()
