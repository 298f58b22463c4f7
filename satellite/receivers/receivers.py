"""All receivers of a satellite, seen from the store's process: started, fed, listened to, replaced, stopped."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from pydantic import Secret

from satellite.api.operations import Listener
from satellite.edges.listener import OnMixed
from satellite.edges.listeners import bound_socket
from satellite.edges.other_requests import OnTrap
from satellite.faults.book import Faults
from satellite.intake.writer import Writer
from satellite.machine import processors
from satellite.memory import resident_bytes
from satellite.ports import SPANS, CannotListen, OnLeftOut, open_ports
from satellite.receivers.lane import Lane
from satellite.receivers.messages import (
    Asked,
    Begin,
    Certificates,
    Connected,
    Event,
    Failed,
    Left,
    Mixed,
    Noted,
    OfConnection,
    OfHead,
    Refused,
    ShortOfMemory,
    Started,
    Stop,
    Trapped,
    framed,
    read,
)
from satellite.receivers.page import Page
from satellite.requests.entry import EntryTaker
from satellite.settings import Loaded, Settings
from satellite.telemetry.logs import get_logger
from satellite.telemetry.witness import Witness

if TYPE_CHECKING:
    from starlette.types import ASGIApp

log = get_logger(__name__)

_PAUSE_SECONDS_MAX = 5.0
"""Before one is started that died soon after its start."""
_TRIES = 5
"""To find a free port that nobody else takes before all receivers have it."""
_LAST_SECONDS = 5.0
"""Beyond the grace, for a receiver to end."""


RECEIVERS_AT_MOST = 4
"""By default: with more, the store's process is what limits. Ours."""
MEMORY_BYTES = 2 * 2**30
"""Of a machine that has receivers by default: each takes about a hundred megabytes for itself. Ours."""


def receivers_of(settings: Settings, memory_bytes: int) -> int:
    """How many receivers a satellite has: what was set, or what its processors and its memory can bear."""
    if settings.grpc_engine == "grpcio":
        return 0  # whose server is no part of a receiver
    if settings.receivers is not None:
        return settings.receivers
    if memory_bytes < MEMORY_BYTES:
        return 0
    return min(max(processors() - 2, 0), RECEIVERS_AT_MOST)


class ReceiverFailed(Exception):
    """What should not have happened in a receiver; the text is its traceback."""


class Receivers:
    """The ports that take reports, served by processes; in place of `SpanPorts`, in the store's event loop."""

    def __init__(
        self,
        loaded: Loaded,
        number: int,
        *,
        writer: Writer,
        witness: Witness,
        trapped: OnTrap,
        mixed: OnMixed | None,
        faults: Faults,
        api: ASGIApp,
        ready: Callable[[], bool],
        short_of_memory: Callable[[int], str],
        page: Page,
        requests: EntryTaker | None = None,
        on_left_out: OnLeftOut = lambda _: None,
    ) -> None:
        """Nothing is bound before `open`, nothing runs before `start`.

        Args:
            loaded: the settings.
            number: of receivers, from 1.
            writer: of their parcels.
            witness: hears what fails in them.
            trapped: hears of connections and requests that came to nothing.
            mixed: see `SpanPorts`.
            faults: what is to go wrong on purpose.
            api: answers the gRPC service of Explorer.
            ready: what gRPC's health service answers.
            short_of_memory: hears of reports that are refused for want of memory.
            page: what they share.
            requests: keeps what came in and what was answered.
            on_left_out: hears of ports that are done without.
        """
        self.listeners: list[Listener] = []
        """The ports that answer, in the order of PURPOSES."""
        self.lost = 0
        """Receivers that died and were replaced."""
        self.writer, self.witness, self.trapped, self.mixed = writer, witness, trapped, mixed
        self.faults, self.api, self.short_of_memory, self.page = faults, api, short_of_memory, page
        self.requests = requests
        self._stopped = asyncio.Event()
        # Who decodes needs no token: what a token names is looked up where spans are written.
        blind = loaded.settings.model_copy(update={"access_tokens": Secret({})})
        self.loaded = replace(loaded, settings=blind)
        self._ready = ready
        self._on_left_out = on_left_out
        self._sockets: list[dict[str, socket.socket]] = [{} for _ in range(number)]
        self._running: list[_Receiver | None] = [None] * number
        self._tasks: list[asyncio.Task[None]] = []
        self._changed = asyncio.Event()

    def __len__(self) -> int:
        """How many there are to be."""
        return len(self._sockets)

    @property
    def stopping(self) -> bool:
        """Whether a receiver that ends is not to be replaced."""
        return self._stopped.is_set()

    @property
    def running(self) -> int:
        """How many take reports."""
        return sum(one is not None and one.started.done() for one in self._running)

    @property
    def resident_bytes(self) -> int:
        """The memory that they take."""
        return sum(resident_bytes(one.process.pid) for one in self._running if one is not None)

    def open(self) -> None:
        """Bind all ports; see `open_ports`."""
        self.listeners = open_ports(self.loaded, SPANS, self._bind, self._on_left_out)

    def _bind(self, setting: str, port: int) -> int:
        host = self.loaded.settings.host
        for left in reversed(range(_TRIES)):
            with bound_socket(
                host, port
            ) as probe:  # one that is not shared: another program's is told from ours
                found = int(probe.getsockname()[1])
            made: list[socket.socket] = []
            try:
                made.extend(bound_socket(host, found, shared=True) for _ in self._sockets)
            except OSError:
                for one in made:
                    one.close()
                if port or not left:
                    raise
                continue
            for sockets, one in zip(self._sockets, made, strict=True):
                sockets[setting] = one
            break
        return found

    async def start(self, tasks: asyncio.TaskGroup) -> None:
        """Return when all of them answer; `tasks` owns what keeps them running until `stop`.

        Raises:
            CannotListen: one of them could not start.
        """
        self._tasks = [tasks.create_task(self._keep(number)) for number in range(1, len(self) + 1)]
        while self.running < len(self):
            self._changed.clear()
            await self._changed.wait()
            if self.lost:
                raise CannotListen(
                    "a receiver could not start", hint="see the log; receivers = 0 does without"
                )

    def changed(self) -> None:
        """A receiver answers now, or one died."""
        self._changed.set()

    def show_readiness(self) -> None:
        """Tell whether the satellite is ready; to be called now and then."""
        self.page.ready = self._ready()

    def show_certificates(self) -> None:
        """The files have changed."""
        for one in self._running:
            if one is not None:
                one.order(Certificates())

    async def stop(self, grace_seconds: float) -> None:
        """Take nothing new, answer what is in hand, within the bound."""
        self._stopped.set()
        self.page.ready = False
        self._let_go()
        for one in self._running:
            if one is not None:
                one.order(Stop(grace_seconds))
        _, late = await asyncio.wait(self._tasks, timeout=grace_seconds + _LAST_SECONDS)
        if late:
            self._kill()
            await asyncio.wait(late)

    async def close(self) -> None:
        """Let go of all that `stop` did not."""
        self._stopped.set()
        self._let_go()
        self._kill()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _let_go(self) -> None:
        for sockets in self._sockets:
            for one in sockets.values():
                one.close()

    def _kill(self) -> None:
        for one in self._running:
            if one is not None:
                one.process.kill()

    async def _keep(self, number: int) -> None:
        """Have a receiver run; another one when it dies."""
        pause = 0.0
        while not self.stopping:
            began = time.monotonic()
            one = self._running[number - 1] = _Receiver(self, number, self._sockets[number - 1])
            try:
                code = await one.run()
            finally:
                self._running[number - 1] = None
                self.page.tell(number, 0, full=False)
            if self.stopping:
                return
            self.lost += 1
            self.changed()
            self.witness.receiver_lost(code)
            long = time.monotonic() - began > _PAUSE_SECONDS_MAX
            pause = 0.0 if long else min(_PAUSE_SECONDS_MAX, 2 * pause + 0.1)
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self._stopped.wait()


class _Receiver:
    """One process, and the store's ends of its sockets."""

    def __init__(self, owner: Receivers, number: int, sockets: dict[str, socket.socket]) -> None:
        """Start the process."""
        self._owner = owner
        self.started: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        pairs = [socket.socketpair() for _ in range(4)]
        ours, theirs = zip(*pairs, strict=True)
        inherited = [*(end.fileno() for end in theirs), owner.page.descriptor]
        self.process = subprocess.Popen(  # noqa: S603 - ourselves
            [sys.executable, "-P", "-m", "satellite.receivers.process", *map(str, inherited)],
            pass_fds=[*inherited, *(one.fileno() for one in sockets.values())],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        for end in theirs:
            end.close()
        self._orders, self._calls, *lanes = ours
        self._lanes = [Lane(end) for end in lanes]
        self._threads = [
            threading.Thread(target=self._write, args=(lane,), name=f"receiver-{number}", daemon=True)
            for lane in self._lanes
        ]
        serves_mixed = owner.mixed is not None
        at = {setting: one.fileno() for setting, one in sockets.items()}
        self._begin = Begin(number, len(owner), owner.loaded, at, serves_mixed, owner.requests is not None)
        self._order: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Task[None]] = {}

    async def run(self) -> int:
        """Listen to it until it ends; its exit code."""
        for thread in self._threads:
            thread.start()
        _, self._order = await asyncio.open_connection(sock=self._orders)
        reader, answers = await asyncio.open_connection(sock=self._calls)
        try:
            self.order(self._begin)
            async with asyncio.TaskGroup() as tasks:
                with suppress(EOFError):
                    while True:
                        self._heard(await read(reader), answers, tasks)
                for task in self._asked.values():
                    task.cancel()
        finally:
            answers.close()
            self._order.close()
            if self.process.poll() is None and not self._owner.stopping:
                self.process.kill()  # it says nothing any more, so it is of no use
            code = await asyncio.to_thread(self.process.wait)
            for thread in self._threads:  # what it had sent whole is written
                await asyncio.to_thread(thread.join)
        return code

    def order(self, message: Any) -> None:
        """Tell it something."""
        if self._order is not None and not self._order.is_closing():
            self._order.write(framed(message))

    def _heard(self, message: Any, answers: asyncio.StreamWriter, tasks: asyncio.TaskGroup) -> None:
        owner = self._owner
        match message:
            case OfConnection(port, peer):
                answers.write(framed(owner.faults.of_connection(port, peer)))
            case OfHead(request):
                answers.write(framed(owner.faults.of_head(request)))
            case Refused(protocol, error, size_bytes, peer, project):
                owner.writer.refused(protocol, error, size_bytes=size_bytes, peer=peer, project=project)
            case Trapped(kind, port, peer, detail, right):
                owner.trapped(kind, port, peer, detail, right)
            case Mixed(kind, port, peer) if owner.mixed is not None:
                owner.mixed(kind, port, peer)
            case Failed(what, kind, text):
                owner.witness.failed(what, ReceiverFailed(f"{kind} in a receiver\n{text}"))
            case Connected(number) if owner.requests is not None:
                owner.requests.connected(number)
            case Noted(entry) if owner.requests is not None:
                owner.requests.add(entry)
            case ShortOfMemory(size_bytes):
                owner.short_of_memory(size_bytes)
            case Asked(number, scope, body):
                self._asked[number] = tasks.create_task(self._answer(number, scope, body))
            case Left(number) if number in self._asked:
                self._asked[number].cancel()
            case Started():
                self.started.set_result(None)
                owner.changed()

    async def _answer(self, number: int, scope: Any, body: bytes) -> None:
        """Have the API answer a request that came to the receiver."""
        came = False

        async def receive() -> Any:
            nonlocal came
            if came:
                await asyncio.Event().wait()
            came = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(event: Any) -> None:
            self.order(Event(number, event))
            if self._order is not None:
                await self._order.drain()

        try:
            await self._owner.api(scope, receive, send)
        except ConnectionError:
            pass  # the receiver is gone
        except Exception as error:  # noqa: BLE001 - the API's mistake must not end a receiver
            self._owner.witness.failed("api", error)
        finally:
            del self._asked[number]
            self.order(Event(number, None))

    def _write(self, lane: Lane) -> None:
        """Write what comes, and send the receipts back; the thread of a lane."""
        try:
            while (frame := lane.receive()) is not None:
                self._owner.writer.write(frame.parcel(), partial(lane.send, frame.number))
        except OSError:
            pass  # it is gone
        except Exception as error:  # noqa: BLE001 - what it sends cannot be read: it must go
            self._owner.witness.failed("receiver", error)
        lane.close()
