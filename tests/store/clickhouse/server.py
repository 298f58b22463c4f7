"""As much of ClickHouse's HTTP interface around chDB as clickhouse-connect uses, as a process: several satellites share it.

    python server.py FOLDER [PORT]        prints its port when it answers

Statements come as the body or as the parameter `query`, data of an insert as the body after it, settings as parameters,
credentials by HTTP's Basic scheme. What is asked is answered by ClickHouse's own code. Users: `default` without a password, `writer`
with the password `secret`, `reader` with `secret`, who may only read.

It says that it is one of the cluster `mesh`, of two shards with two replicas each, and carries out what is said to that as far as
one process can. The shards are there: `Distributed` is ClickHouse's own, over two shards that are both this node, and of a table's rows
each shard has those that its key gives to it (`additional_table_filters`). Replicas are not: every statement is given to
ClickHouse's parser as it came, and then run with MergeTree for ReplicatedMergeTree.
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

from satellite.store.clickhouse.tables import SHARDED_BY

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
    (re.compile(rf"cluster\('{CLUSTER}', (system\.\w+)\)"), r"\1"),
    (
        re.compile(r"\bsystem\.clusters\b"),
        f"(SELECT '{CLUSTER}' AS cluster, arrayJoin([1, 1, 2, 2]) AS shard_num)",
    ),
)
"""What one node of a cluster is not, and what stands for it."""

SPREAD = "spread"
"""The database whose tables are spread."""

_SHARD = "<shard><replica><host>127.0.0.1</host><port>9000</port></replica></shard>"
CONFIG = f"<clickhouse><tcp_port>9000</tcp_port><remote_servers><{CLUSTER}>{_SHARD * 2}</{CLUSTER}></remote_servers></clickhouse>"
"""Nothing listens at that port: a shard at it is this node."""

_FILTERS = ", ".join(
    f"'{SPREAD}.{table}_local': '{key} % 2 + 1 = shardNum()'" for table, key in SHARDED_BY.items()
)
_OF_SHARDS = {
    "additional_table_filters": f"{{{_FILTERS}}}",
    "deduplicate_insert": "disable",  # both shards' parts of an insert come with one token, and into one table
}

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
        settings = {name: value for name, value in given.items() if name not in OWN | IGNORED}
        self._set(settings | (_OF_SHARDS if database == SPREAD else {}))
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
        if said != statement:
            self._connection().query(f"EXPLAIN AST {statement}")
        return said

    def _set(self, settings: dict[str, str]) -> None:
        """They hold for one statement; what the last one had and this one has not goes back to its default."""
        before, clients.settings = getattr(clients, "settings", {}), settings
        for name, value in settings.items():
            if before.get(name) != value:
                quoted = value.replace("'", "\\'")
                clients.connection.query(f"SET {name} = '{quoted}'")
        for name in before.keys() - settings.keys():
            clients.connection.query(f"SET {name} = DEFAULT")

    def _connection(self) -> Any:
        import chdb

        if not hasattr(clients, "connection"):
            clients.connection = chdb.connect(f"{self.folder}?config-file={self.folder}/config.xml")
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
    (folder / "config.xml").write_text(CONFIG)
    Handler.folder = str(folder)
    with Server(("127.0.0.1", port), Handler) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
