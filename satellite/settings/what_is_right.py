"""What would be right where a setting's value is not, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_RIGHT = {
    "greater_than": "must be more than {gt:g}",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "finite_number": "must be a finite number",
    "literal_error": "write {expected}",
    "bool": "write true or false",
    "dict_type": 'write a mapping, as {{"name": "value"}}',
    "tuple_type": "write names with commas between them, or a list of them",
    "path_type": "write a path",
    "string_type": "write a text (in quotes if it looks like something else)",
    "string_too_short": "must not be empty",
    "string_pattern_mismatch": "must fit {pattern}",
}
"""By pydantic's type of an error, or what stands before its first `_`."""


def what_is_right(setting: str, type_: str, context: Mapping[str, Any]) -> str:
    """What to write for a setting; "" where the error's own words are ours.

    Args:
        setting: its name, which has the unit.
        type_: pydantic's type of the error.
        context: what pydantic gives beside it.
    """
    kind = type_.partition("_")[0]
    if kind in {"int", "float"}:
        return _amount(setting, whole=kind == "int")
    return _RIGHT.get(type_, _RIGHT.get(kind, "")).format(**context)


def _amount(setting: str, *, whole: bool) -> str:
    words = setting.split("_")
    if "port" in words[-1:]:
        return "write a port's number, 0 for no listener, or `free` for any that is"
    if "seconds" in words and "bytes" not in words:
        return "write seconds as a number, or with a unit, as 500ms, 30s, 2m"
    if "bytes" in words and whole:
        return "write bytes as a whole number, or with a unit, as 512MiB, 2GB"
    return "write a whole number" if whole else "write a number"
