"""A relay in front of a satellite that loses one answer: the client cannot know that its report was taken."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from tests.interop.processes import PATIENCE_S

_HEADERS = 1
"""Type of the HTTP/2 frame that begins an answer (RFC 9113 §6.2)."""


@contextmanager
def first_answer_lost(target: str) -> Iterator[tuple[str, threading.Event]]:
    """(host:port of a relay to `target`, set once an answer was lost).

    When the first answer begins, over HTTP/1.1 or HTTP/2 without TLS, its connection is cut; later ones pass.
    """
    lost = threading.Event()
    with ExitStack() as opened, socket.create_server(("127.0.0.1", 0)) as listener:
        accepting = threading.Thread(target=_accept, args=(listener, target, lost, opened))
        accepting.start()
        try:
            yield f"127.0.0.1:{listener.getsockname()[1]}", lost
        finally:
            with suppress(OSError):
                listener.shutdown(socket.SHUT_RDWR)
            accepting.join()


def _accept(listener: socket.socket, target: str, lost: threading.Event, opened: ExitStack) -> None:
    host, _, port = target.rpartition(":")
    with suppress(OSError):  # the block has ended
        while True:
            client = opened.enter_context(listener.accept()[0])
            server = opened.enter_context(socket.create_connection((host, int(port)), timeout=PATIENCE_S))
            client.settimeout(PATIENCE_S)
            begun = _AnswerBegins() if not lost.is_set() else None

            def pass_on(piece: bytes, begun: _AnswerBegins | None = begun) -> bool:
                if begun is None or lost.is_set() or not begun(piece):
                    return True
                lost.set()
                return False

            for source, sink, passes in ((client, server, None), (server, client, pass_on)):
                thread = threading.Thread(target=_pump, args=(source, sink, passes))
                thread.start()
                opened.callback(thread.join)
            opened.callback(_cut, client, server)


def _pump(source: socket.socket, sink: socket.socket, passes: Callable[[bytes], bool] | None) -> None:
    with suppress(OSError):
        while (piece := source.recv(65_536)) and (passes is None or passes(piece)):
            sink.sendall(piece)
    _cut(source, sink)


def _cut(*sockets: socket.socket) -> None:
    for one in sockets:
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class _AnswerBegins:
    """Whether an answer begins in what the server sends; told piece after piece."""

    def __init__(self) -> None:
        self._pending = b""

    def __call__(self, piece: bytes) -> bool:
        self._pending += piece
        if self._pending.startswith(b"HTTP/1."):
            return True
        while len(self._pending) >= 9:
            length = int.from_bytes(self._pending[:3])
            if self._pending[3] == _HEADERS:
                return True
            if len(self._pending) < 9 + length:
                break
            self._pending = self._pending[9 + length :]
        return False
