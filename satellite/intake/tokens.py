"""Access tokens: which project a reporter's token names.

A token is a secret: none is kept here (only SHA-256 digests of listed ones), none is in an error or a repr.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Literal

from satellite.errors import AccessDenied

DEFAULT_PROJECT = "default"
"""Where spans without a token go, in open mode (ours)."""

NO_TOKEN = ("", "empty")
"""Ways to send none: `empty` is the header of a JavaScript tracer without a token (wire-protocols.md §0.3)."""

TokenMode = Literal["open", "listed", "single"]

_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_SECRET = re.compile(r"(?=.*[0-9])(?=.*[A-Za-z])[A-Za-z0-9]{32,}")


def is_project_name(text: str) -> bool:
    """Whether `text` can be a project's name: 1 to 64 ASCII letters, digits, `.`, `_`, `-`, but not `.`, `..` or `-`.

    Names stand in URLs, where a path of one or two dots means something else, and in Explorer's `-` stands for all projects.
    """
    return _NAME.fullmatch(text) is not None and text not in {".", "..", "-"}


def looks_secret(text: str) -> bool:
    """Whether a text looks like an access token that LightStep gave out: 32 or more letters and digits, some of each."""
    return _SECRET.fullmatch(text) is not None


def name_of(token: str) -> str:
    """The project's name that a token is, in open mode; one that is none, or looks like a secret, becomes a hash."""
    if is_project_name(token) and not looks_secret(token):
        return token
    return f"token-{_digest(token).hex()[:12]}"


class Tokens:
    """Names the project of each access token, in one of three modes."""

    mode: TokenMode

    def __init__(self, mode: TokenMode, projects: Mapping[bytes, str]) -> None:
        """Use `open`, `listed`, `single` or `configured` instead; `projects` is by SHA-256 of the token."""
        self.mode = mode
        self._projects = dict(projects)
        for project in self._projects.values():
            if not is_project_name(project):
                message = (
                    f"{project!r} cannot be a project's name: use 1 to 64 letters, digits, '.', '_', '-'"
                    " (and is not '.', '..' or '-')"
                )
                raise ValueError(message)

    @classmethod
    def open(cls) -> Tokens:
        """Any token is good; a token that can be a project's name is the name."""
        return cls("open", {})

    @classmethod
    def listed(cls, projects: Mapping[str, str]) -> Tokens:
        """Only these tokens are good; `projects` maps each token to its project.

        Raises:
            ValueError: a project's name is none.
        """
        return cls("listed", {_digest(token): project for token, project in projects.items()})

    @classmethod
    def single(cls, project: str) -> Tokens:
        """No token is looked at, all spans go to `project`. Raises ValueError when that is no name."""
        return cls("single", {b"": project})

    @classmethod
    def configured(
        cls, projects: Mapping[str, str], *, disable_access_token_checking: bool, project_name: str
    ) -> Tokens:
        """The mode that these settings ask for: single when checking is off, listed when there is a list, else open.

        Raises:
            ValueError: a project's name is none.
        """
        if disable_access_token_checking:
            return cls.single(project_name)
        return cls.listed(projects) if projects else cls.open()

    def project(self, token: str) -> str:
        """The project that this token names, "" for no token.

        Raises:
            AccessDenied: the token is not listed (listed mode only). The text does not hold the token.
        """
        if self.mode == "single":
            return self._projects[b""]
        if self.mode == "listed":
            return self._listed_project(token)
        if token in NO_TOKEN:
            return DEFAULT_PROJECT
        return name_of(token)

    def _listed_project(self, token: str) -> str:
        project = self._projects.get(_digest(token))
        if project is not None:
            return project
        hint = "list the token and its project in the setting access_tokens, or correct it in the tracer"
        problem = "no access token in the report" if token in NO_TOKEN else "unknown access token"
        message = f"{problem}: {hint}"
        raise AccessDenied(message, hint=hint)

    def projects(self) -> tuple[str, ...]:
        """The projects known by settings, by name; empty in open mode, where tokens make them."""
        return tuple(sorted(set(self._projects.values())))

    def __repr__(self) -> str:
        """Mode and projects; no token."""
        return f"Tokens({self.mode}, {', '.join(self.projects()) or 'any project'})"


def _digest(token: str) -> bytes:
    # surrogatepass: a token is whatever was sent, and must not fail here.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
