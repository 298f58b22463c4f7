"""`python -m tests.attack.flooder NAME PORT SECONDS`: does it; «connections bytes» at the end."""

from __future__ import annotations

import selectors
import socket
import sys
import time

from tests.attack.floods import CONNECTIONS, FLOODS, Flood

_FROM = "127.0.0.2"


class _Client:
    """One connection."""

    def __init__(self, flood: Flood, port: int) -> None:
        self._flood = flood
        self._turn = 0
        self._waits = memoryview(flood.first)
        self.sent = 0
        self.socket = socket.socket()
        self.socket.bind((_FROM, 0))
        self.socket.setblocking(False)
        self.socket.connect_ex(("127.0.0.1", port))

    def go_on(self, readable: bool) -> bool:
        """Read and write what can be; False when it has ended."""
        try:
            if readable and not self.socket.recv(1 << 16):
                return False
            if not self._waits:
                self._waits = memoryview(self._flood.again(self._turn))
                self._turn += 1
            if not self._waits:
                time.sleep(0.01)
                return True
            sent = self.socket.send(self._waits)
        except BlockingIOError:
            return True
        except OSError:
            return False
        self.sent += sent
        self._waits = self._waits[sent:]
        return True


def main() -> None:
    """Until the time is up."""
    flood, port, seconds = FLOODS[sys.argv[1]], int(sys.argv[2]), float(sys.argv[3])
    print("begins", flush=True)
    begun = sent = 0
    until = time.monotonic() + seconds
    both = selectors.EVENT_READ | selectors.EVENT_WRITE
    with selectors.DefaultSelector() as selector:
        while time.monotonic() < until:
            while len(selector.get_map()) < CONNECTIONS:
                client = _Client(flood, port)
                selector.register(client.socket, both, client)
                begun += 1
            for key, events in selector.select(0.1):
                if not key.data.go_on(bool(events & selectors.EVENT_READ)):
                    selector.unregister(key.data.socket)
                    key.data.socket.close()
                    sent += key.data.sent
        sent += sum(key.data.sent for key in selector.get_map().values())
    print(begun, sent)


if __name__ == "__main__":
    main()
