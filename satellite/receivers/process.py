"""One receiver: the process. Started by `receivers` with the file descriptors of its sockets and of the page."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
import time
from typing import Any

from satellite.api.explorer_service import add_explorer
from satellite.edges.grpc.services import Services
from satellite.edges.loop import run, share_interpreter
from satellite.edges.tls import CertificateStore
from satellite.intake.intake import Intake
from satellite.memory import forget_start, keep_for_good, tune_allocator
from satellite.ports import SpanPorts, certificates_of
from satellite.receivers.far import FarApi, FarFaults, FarLog, FarMemory, FarWriter, gone
from satellite.receivers.lane import Lane
from satellite.receivers.messages import (
    Begin,
    Calls,
    Certificates,
    Event,
    Mixed,
    Started,
    Stop,
    Trapped,
    read,
)
from satellite.receivers.page import Page
from satellite.telemetry.logs import logs_to

_READINESS_SECONDS = 0.5


class Receiver:
    """The edges and an intake, in the current event loop."""

    def __init__(self, orders: socket.socket, calls: Calls, small: Lane, large: Lane, page: Page) -> None:
        """Args: its ends of the sockets, and the page."""
        self._orders = orders
        self._calls = calls
        self._writer = FarWriter(small, large, calls)
        self._page = page
        self._api = FarApi(calls)

    async def run(self) -> None:
        """Serve until told to stop. When the store's process is gone, the receiver ends at once."""
        reader, self._orders_writer = await asyncio.open_connection(sock=self._orders)
        begin: Begin = await self._read(reader)
        settings = begin.loaded.settings
        level = "debug" if settings.logging_verbose else settings.logging_level
        with logs_to(sys.stderr, level=level, format=settings.logging_format):
            await self._serve(begin, reader)

    async def _serve(self, begin: Begin, reader: asyncio.StreamReader) -> None:
        settings = begin.loaded.settings
        certificates = certificates_of(settings, time.time_ns)
        if certificates is not None:
            await asyncio.to_thread(certificates.refresh)
        self._writer.listen(asyncio.get_running_loop())
        number, page = begin.number, self._page
        intake = Intake(
            self._writer,
            clock_ns=time.time_ns,
            max_waiting_bytes=settings.max_waiting_bytes,
            short_of_memory=FarMemory(page, self._calls).refuses,
            elsewhere_bytes=lambda: page.waiting_bytes(but=number),
            tell=lambda waiting_bytes, full: page.tell(number, waiting_bytes, full=full),
            fences=lambda: page.fences,
        )
        services = Services()
        add_explorer(services, self._api)
        ports = SpanPorts(
            begin.loaded,
            intake=intake,
            certificates=certificates,
            clock_ns=time.time_ns,
            trapped=self._trapped,
            mixed=self._mixed if begin.serves_mixed else None,
            faults=FarFaults(page, self._calls),
            ready=lambda: page.ready,
            requests=FarLog(self._calls) if begin.logs_requests else None,
            spans_received=lambda: page.spans,
            fences=lambda: page.fences,
            services=services,
            processes=begin.receivers,
        )
        ports.answer_at({setting: socket.socket(fileno=at) for setting, at in begin.sockets.items()})
        stop: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        async with asyncio.TaskGroup() as tasks:
            await ports.start(tasks)
            chores = [
                tasks.create_task(self._follow_readiness(ports)),
                tasks.create_task(self._obey(reader, certificates, stop)),
            ]
            self._calls.tell(Started())
            grace_seconds = await stop
            await ports.stop(grace_seconds)
            for chore in chores:
                chore.cancel()
        await asyncio.to_thread(intake.close, grace_seconds)

    async def _obey(
        self, reader: asyncio.StreamReader, certificates: CertificateStore | None, stop: asyncio.Future[float]
    ) -> None:
        while True:
            match await self._read(reader):
                case Event() as event:
                    self._api.came(event)
                case Certificates() if certificates is not None:
                    await asyncio.to_thread(certificates.refresh)
                case Stop(grace_seconds):
                    stop.set_result(grace_seconds)

    async def _read(self, reader: asyncio.StreamReader) -> Any:
        try:
            return await read(reader)
        except EOFError:
            gone()

    async def _follow_readiness(self, ports: SpanPorts) -> None:
        while True:
            await asyncio.sleep(_READINESS_SECONDS)
            ports.show_readiness()

    def _trapped(self, kind: str, port: int, peer: str, detail: str, right: str = "") -> None:
        self._calls.tell(Trapped(kind, port, peer, detail, right))

    def _mixed(self, kind: str, port: int, peer: str) -> None:
        self._calls.tell(Mixed(kind, port, peer))


def main() -> None:
    """`python -m satellite.receivers.process ORDERS CALLS SMALL LARGE PAGE`: file descriptors."""
    # The store's process says when to stop, and its end is heard of; a terminal's or supervisor's signal to all must not
    # end receivers while it still answers.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    orders, calls, small, large, page = map(int, sys.argv[1:])
    tune_allocator()
    keep_for_good()
    forget_start()
    share_interpreter()
    ends = [socket.socket(fileno=at) for at in (orders, calls, small, large)]
    receiver = Receiver(ends[0], Calls(ends[1]), Lane(ends[2]), Lane(ends[3]), Page(page))
    run(receiver.run)


if __name__ == "__main__":
    main()
