"""As much of ClickHouse's HTTP interface around chDB as clickhouse-connect uses, as a process: several satellites share it.

    python server.py FOLDER [PORT]        prints its port when it answers

Statements come as the body or as the parameter `query`, data of an insert as the body after it, settings as parameters,
credentials by HTTP's Basic scheme. What is asked is answered by ClickHouse's own code. Users: `default` without a password, `writer`
with the password `secret`, `reader` with `secret`, who may only read.

It says that it is one of the cluster `mesh`, of two shards with two replicas each, and carries out what is said to that as far as
one node can: every statement is given to ClickHouse's parser as it came, and then run with MergeTree for ReplicatedMergeTree, and
with Merge over the own table for Distributed.
"""

from __future__ import annotations

import base64
import re
import sys
import tempfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

USERS = {"default": "", "writer": "secret", "reader": "secret"}

OWN = {"query", "database", "default_format", "client_protocol_version", "wait_end_of_query", "query_id"}
"""Parameters of the interface; others are settings."""

IGNORED = {
    "send_progress_in_http_headers",
    "http_headers_progress_interval_ms",
    "enable_http_compression",
    "role",
}

_INSERT = re.compile(rb"\s*INSERT INTO [^\n]* FORMAT \w+\n")

CLUSTER = "mesh"

_ENGINES = (
    (re.compile(r" ON CLUSTER '\w+'"), ""),
    (re.compile(r"ENGINE = Replicated(\w+)\('[^']*', '[^']*'(?:, (\w+))?\)"), r"ENGINE = \1(\2)"),
    (re.compile(r"\breplicated_deduplication_window"), "non_replicated_deduplication_window"),
    (re.compile(r"ENGINE = Distributed\('\w+', ('\w+'), '(\w+)', .*\)$"), r"ENGINE = Merge(\1, '^\2$')"),
    (re.compile(rf"cluster\('{CLUSTER}', (system\.\w+)\)"), r"\1"),
    (
        re.compile(r"\bsystem\.clusters\b"),
        f"(SELECT '{CLUSTER}' AS cluster, arrayJoin([1, 1, 2, 2]) AS shard_num)",
    ),
    (
        re.compile(r"\bengine_full\b"),
        f"replaceOne(engine_full, 'Merge(', 'Distributed(''{CLUSTER}'', ')",
    ),
)
"""What one node of a cluster is not, and what stands for it."""

_INTO = re.compile(r"(?<=INSERT INTO )[`\w.]+")

clients = threading.local()
"""Each thread, and so each connection of a client, has its own."""


class Refusal(Exception):
    """An error with ClickHouse's code."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: str

    def do_GET(self) -> None:
        self.do_POST()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        given = dict(parse_qsl(urlsplit(self.path).query, keep_blank_values=True))
        try:
            user = self._user()
            answer = self._answer(user, given, body)
        except Exception as error:  # noqa: BLE001 - as ClickHouse has it: whatever it is goes to who asked
            said = re.search(r"Code: (\d+)", str(error))
            code = error.code if isinstance(error, Refusal) else int(said[1]) if said else 1002
            text = (str(error) if said else f"Code: {code}. DB::Exception: {error}").encode()
            self._send(403 if code in {164, 516} else 500, text, {"X-ClickHouse-Exception-Code": str(code)})
            return
        self._send(200, answer, {"X-ClickHouse-Timezone": "UTC", "X-ClickHouse-Format": "TabSeparated"})

    def _user(self) -> str:
        scheme, _, encoded = self.headers.get("Authorization", "").partition(" ")
        user, _, password = (
            base64.b64decode(encoded).decode().partition(":") if scheme == "Basic" else ("default", "", "")
        )
        if USERS.get(user) != password:
            raise Refusal(
                516,
                f"{user}: Authentication failed: password is incorrect, or there is no user with such name.",
            )
        return user

    def _answer(self, user: str, given: dict[str, str], body: bytes) -> bytes:
        if "query" in given:
            statement, data = given["query"], body
        elif (head := _INSERT.match(body)) is not None:
            statement, data = head[0].decode().strip(), body[head.end() :]
        else:
            statement, data = body.decode(), b""
        verb = statement.split(None, 1)[0].upper()
        if user == "reader" and verb not in {"SELECT", "SHOW", "DESCRIBE"}:
            raise Refusal(164, "Cannot execute query in readonly mode. (READONLY)")
        connection = self._connection()
        if database := given.get("database"):
            connection.query(f"USE {database}")
        statement = self._on_one_node(statement)
        self._set({name: value for name, value in given.items() if name not in OWN | IGNORED})
        if data:
            into, _, form = statement.rpartition(" FORMAT ")
            with tempfile.NamedTemporaryFile() as file:
                file.write(data)
                file.flush()
                connection.query(f"{into} FROM INFILE '{file.name}' FORMAT {form}")
            return b""
        found: bytes = connection.query(statement, given.get("default_format", "TabSeparated")).bytes()
        return found

    def _on_one_node(self, statement: str) -> str:
        """What stands here for a statement that speaks of a cluster."""
        said = statement
        for pattern, instead in _ENGINES:
            said = pattern.sub(instead, said)
        into = _INTO.search(said)
        if into is not None and "_local" not in into[0]:
            own = f"{into[0].strip('`')}_local"
            if self._connection().query(f"EXISTS TABLE {own}", "TabSeparated").bytes() == b"1\n":
                return f"{said[: into.start()]}{own}{said[into.end() :]}"
        if said != statement:
            self._connection().query(f"EXPLAIN AST {statement}")
        return said

    def _set(self, settings: dict[str, str]) -> None:
        """They hold for one statement; what the last one had and this one has not goes back to its default."""
        before, clients.settings = getattr(clients, "settings", {}), settings
        for name, value in settings.items():
            if before.get(name) != value:
                clients.connection.query(f"SET {name} = '{value}'")
        for name in before.keys() - settings.keys():
            clients.connection.query(f"SET {name} = DEFAULT")

    def _connection(self) -> Any:
        import chdb

        if not hasattr(clients, "connection"):
            clients.connection = chdb.connect(self.folder)
        return clients.connection

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Nothing is said."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


def main() -> None:
    folder, port = Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 0
    folder.mkdir(parents=True, exist_ok=True)
    Handler.folder = str(folder)
    with Server(("127.0.0.1", port), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
