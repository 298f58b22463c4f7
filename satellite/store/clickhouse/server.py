"""Where a server of ClickHouse is, and as whom to ask it, as a URL says it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

DATABASE = "satellite"
"""Where a URL names none."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server's HTTP interface; its text has no credentials."""

    host: str
    port: int
    secure: bool
    user: str
    password: str
    database: str

    @staticmethod
    def of(url: str) -> Server:
        """What `http(s)://user:password@host:port/database` says. Raises ValueError, without saying the URL."""
        parts = urlsplit(url)
        database = parts.path.strip("/") or DATABASE
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
            raise ValueError("it is written http(s)://user:password@host:8123/database")
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", database):
            raise ValueError("the name of a database has letters, digits and '_' only")
        secure = parts.scheme == "https"
        try:
            port = parts.port
        except ValueError:
            port = 0
        if port == 0:
            raise ValueError("its port is a number from 1 to 65535")
        user, password = unquote(parts.username or "default"), unquote(parts.password or "")
        return Server(parts.hostname, port or (8443 if secure else 8123), secure, user, password, database)

    def __repr__(self) -> str:
        return f"Server({self})"

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}/{self.database}"
