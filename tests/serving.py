"""An application on a free port of this machine, for clients that need a real one."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

from satellite.api.explorer import Api, create_api
from satellite.api.guard import ANY_HOST, Guard
from satellite.explore.asked import Sources
from satellite.explore.slots import Slots
from satellite.explore.snapshots import Snapshots
from satellite.explore.streams import Streams
from satellite.faults.book import Faults
from satellite.intake.arrivals import Arrivals
from satellite.intake.intake import Intake
from satellite.intake.tokens import Tokens
from satellite.intake.writer import Writer
from satellite.protocols.readers.compression import inflate
from satellite.requests.log import RequestLog
from satellite.store import Store


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """The URL at which the application answers within the block."""
    with socket.create_server(
        ("127.0.0.1", 0)
    ) as listener:  # connections wait in it until the server takes them
        guarded = Guard(app, tuple, [ANY_HOST])
        config = uvicorn.Config(guarded, log_config=None, lifespan="off", timeout_graceful_shutdown=5)
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join()


@contextmanager
def silent_url() -> Iterator[str]:
    """A URL at which nobody answers: its port is taken, but not listened on."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"


def api_of(
    store: Store,
    arrivals: Arrivals,
    version: str = "1",
    demo_traffic: Callable[[], Iterable[bytes]] = tuple,
) -> Api:
    """The API over a store, with an intake of its own in open mode; its thread ends with the process."""
    sources = Sources(store, Snapshots(store, time.time_ns))
    book = Faults(time.time_ns)
    writer = Writer(store, Tokens.open(), arrivals, clock_ns=time.time_ns, faults=book)
    intake = Intake(writer, clock_ns=time.time_ns, max_waiting_bytes=1 << 28)
    return create_api(
        sources=sources,
        slots=Slots(),
        saved=Streams(store, time.time_ns),
        arrivals=arrivals,
        intake=intake,
        writer=writer,
        book=book,
        log=RequestLog(bytes_per_project=1 << 20, bytes_in_total=1 << 22),
        inflate=inflate,
        version=version,
        demo_traffic=demo_traffic,
    )
