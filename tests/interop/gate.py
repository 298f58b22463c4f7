"""What networks do to reports: answers that never come, and ports where nobody is at home."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Self

from tests.interop.processes import PATIENCE_S


class Gate:
    """A TCP proxy on a port of its own that can keep back what the other side answers."""

    def __init__(self, target: str) -> None:
        """`target` is `host:port`; it is connected to with each connection of a client."""
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._age = 0
        self._held = -1  # connections of this age hear nothing
        self._ended = False
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.target = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()
        for thread in self._threads:
            thread.join(PATIENCE_S)

    def hold(self) -> None:
        """From now on nothing comes back, on these connections and on new ones."""
        self._held = self._age

    def cut(self) -> None:
        """End all connections; what comes after is let through again."""
        self._age += 1
        pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)

    def _run(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._ended:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(self._target)
            self._pairs.append((client, server))
            left = [client, server]
            self._run(self._forward, client, server, None, left)
            self._run(self._forward, server, client, self._age, left)

    def _forward(
        self, source: socket.socket, sink: socket.socket, age: int | None, left: list[socket.socket]
    ) -> None:
        with suppress(OSError):
            while piece := source.recv(65_536):
                if age != self._held:
                    sink.sendall(piece)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        left.pop()
        if not left:
            source.close()
            sink.close()


@contextmanager
def nobody_home(port: int) -> Iterator[threading.Event]:
    """A port that ends every connection at once; the event is set when one was tried."""
    tried = threading.Event()
    with socket.create_server(("127.0.0.1", port)) as listener:

        def slam() -> None:
            with suppress(OSError):
                while True:
                    visitor, _ = listener.accept()
                    visitor.close()
                    tried.set()

        thread = threading.Thread(target=slam)
        thread.start()
        try:
            yield tried
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()
