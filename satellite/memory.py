"""Memory as the operating system counts it: how much there is, how much is taken, and what is done when it runs short.

Budgets count what spans take in our own books. Allocators keep more than that, decoders need some for a moment, and a
container is killed by what the kernel counts; so that is what is looked at before a report is let in.
"""

from __future__ import annotations

import ctypes
import gc
import os
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Literal, Protocol

import pyarrow as pa

from satellite.settings import Loaded

BASE_BYTES = 190 * 2**20
"""What the process takes before the first span, its API made; measured at 150 to 180 MiB."""
OVERHEAD = 1.3
"""What spans take, beside their own bytes, in an allocator that gives back what it can; measured at 1.0 to 1.47, 1.30 in the middle, with budgets of 66 MB, where it shows most."""
RECEIVER_BYTES = 140 * 2**20
"""What a receiver takes, its own buffers included; measured at 100 to 140 MiB."""
DECODING = 8
"""A report takes at most so many times its bytes while it is decoded (the intake's bound)."""

EASY, TIGHT = 0.82, 0.92
"""Shares of the limit: beyond the first memory is given back and spans are let go; beyond the second nothing is let in."""

PAUSE_SECONDS = 0.25

GIVE_BACK_SECONDS, GIVE_BACK_SHARE, GROWN_BYTES = 10.0, 0.001, 4 * 2**20
"""So often free memory goes back where there is room, once the process has grown by that much: the allocator keeps what merges and
decoding left, and holds everybody up for a moment while it looks for it. That takes no more than this share of the time. Ours."""

LOOK_SECONDS = 0.01
"""For so long a look at what is taken holds, less what was let in since: asked for several times in a turn of the loop. Ours."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8  # of mallopt(3)
_LARGE_BYTES = 4 * 2**20
"""What is larger has pages of its own, and so much that is free stays with the process. From 128 KiB on decoding would cost two fifths
more of the processor, for pages that the kernel fills with zeros; what stays long lies elsewhere (`store/recall/own_pages.py`)."""


# What is taken


def resident_bytes(process: int | Literal["self"] = "self") -> int:
    """What this process, or another, takes now; 0 where that cannot be known."""
    try:
        file = os.open(f"/proc/{process}/statm", os.O_RDONLY)  # asked for whatever a read brings
        try:
            return int(os.read(file, 256).split()[1]) * _PAGE
        finally:
            os.close(file)
    except OSError:
        return 0


_PAGE = os.sysconf("SC_PAGE_SIZE")


def fitted(loaded: Loaded, limit: int, *, receivers: int = 0) -> Loaded:
    """The settings with budgets that fit into so much memory beside so many receivers, where they were not set."""
    left = int(limit * EASY) - BASE_BYTES - receivers * RECEIVER_BYTES
    waiting = max(min(256 * 2**20, left // 8), 4 * 2**20)
    snapshots = max(min(256 * 2**20, left // 8), 4 * 2**20)
    requests = max(min(64 * 2**20, left // 16), 2**20)
    given = loaded.settings
    reserved = sum(
        proposed if loaded.origin[name] == "default" else getattr(given, name)
        for name, proposed in (
            ("max_waiting_bytes", waiting),
            ("snapshot_bytes", snapshots),
            ("request_log_bytes", requests),
        )
    )
    spans = max(int((left - reserved) / OVERHEAD), 16 * 2**20)
    most = {
        "max_waiting_bytes": waiting,
        "snapshot_bytes": snapshots,
        "request_log_bytes": requests,
        "max_msg_size_bytes": max(limit // 32, 4 * 2**20),
        "bytes_in_total": spans,
        "bytes_per_project": spans,
    }
    changed = {
        name: size
        for name, size in most.items()
        if loaded.origin[name] == "default" and size < getattr(given, name)
    }
    origin = loaded.origin | dict.fromkeys(changed, f"default for {limit // 2**20} MiB of memory")
    return Loaded(given.model_copy(update=changed), origin, loaded.no_effect, loaded.unknown)


# Giving back


def tune_allocator() -> None:
    """Have freed memory go back to the operating system; for a process that is a satellite and nothing else."""
    pa.set_memory_pool(pa.system_memory_pool())
    libc = _libc()
    if libc is not None:
        libc.mallopt(_ARENA_MAX, 2)
        libc.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        libc.mallopt(_TRIM_THRESHOLD, _LARGE_BYTES)


def keep_for_good() -> None:
    """Have the garbage collector leave alone what there is now, which stays as long as the process.

    A look at all that a started satellite consists of takes 50 to 100 ms, in which nothing else runs.
    """
    gc.freeze()
    gc.enable()


def forget_start() -> None:
    """Let go of what only the start needed: pages of libraries that nobody changed, half of what a started satellite takes.

    What is needed again comes from the page cache, 16 pages at a time, in a microsecond or two.
    """
    give_back()
    libc = _libc()
    with suppress(OSError):
        smaps = Path("/proc/self/smaps").read_text()
        for begin, size in _untouched(smaps) if libc is not None else ():
            libc.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(size), _MADV_DONTNEED)


def _untouched(smaps: str) -> Iterator[tuple[int, int]]:
    """(where, how many bytes) of each mapping of a library's code and constants; those of which a page is the process's own are none."""
    for mapping in _MAPPING.finditer(smaps):
        begin, end = (int(mapping[name], 16) for name in ("begin", "end"))
        yield begin, end - begin


_MADV_DONTNEED = 4
_MAPPING = re.compile(
    r"^(?P<begin>[0-9a-f]+)-(?P<end>[0-9a-f]+) r-[x-]p [^\n]*\.so[0-9.]*\n(?:[A-Z][^\n]*\n)*?Anonymous: +0 kB\n",
    re.MULTILINE,
)


def give_back() -> None:
    """Return what is free to the operating system."""
    pa.default_memory_pool().release_unused()
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def _libc() -> Any:
    """The C library, where it is glibc; None where it is not."""
    with suppress(OSError, AttributeError):
        libc = ctypes.CDLL(None)
        _ = libc.malloc_trim, libc.mallopt
        return libc
    return None


class Holder(Protocol):
    """What holds spans, and can do with less."""

    def release(self) -> None:
        """Let go of pages that can be read again."""
        ...

    def shrink(self, size_bytes: int) -> None:
        """Take so many bytes less."""
        ...


class MemoryGuard:
    """Watches what the process takes, beside everything else, in a thread of its own."""

    def __init__(
        self,
        limit: int,
        holder: Holder,
        *,
        failed: Callable[[str, Exception], None],
        resident: Callable[[], int] = resident_bytes,
        tell: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Guard `limit` bytes; `start` begins. `tell` hears again and again how much more may be taken, `failed` why a look
        could not be (under the name `relieving`); the next one comes all the same.
        """
        self._failed = failed
        self._tell = tell
        self.limit = limit
        self._holder = holder
        self._resident = resident
        self._wake = threading.Condition()
        self._called = False
        self._closed = False
        self._tight = False
        self._looked_at, self._spare = 0.0, 0
        """When `refuses` looked last, and what could still be let in then, less what was since."""
        self._given_back, self._give_back_at = 0, 0.0
        """What was left when memory went back last; when it may again."""
        self._thread = threading.Thread(target=self._work, name="memory", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._tell_spare()
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why nothing more is let in; "" when something is."""
        if not self._tight:
            return ""
        return f"memory is short: {self._resident() // 2**20} of {self.limit // 2**20} MiB are taken"

    def refuses(self, size_bytes: int) -> str:
        """Why a report of so many bytes cannot be let in now; "" when it can."""
        now, needed = time.monotonic(), DECODING * size_bytes
        if now - self._looked_at < LOOK_SECONDS and needed <= self._spare:
            self._spare -= needed
            return ""
        self._looked_at, self._spare = now, int(self.limit * TIGHT) - self._resident() - needed
        if self._spare >= 0:
            return ""
        self._tight = True
        with self._wake:
            self._called = True
            self._wake.notify_all()
        return f"{self.problem}; send again later"

    def tidy(self) -> None:
        """Give back what is free, if it is time and the process has grown."""
        began = time.monotonic()
        if began >= self._give_back_at and self._resident() > self._given_back + GROWN_BYTES:
            give_back()
            now = time.monotonic()
            self._give_back_at = now + max(GIVE_BACK_SECONDS, (now - began) / GIVE_BACK_SHARE)
            self._given_back = self._resident()

    def relieve(self) -> None:
        """One look: beyond the limit's easy share give back what is free, and what spans take beyond that."""
        easy = int(self.limit * EASY)
        if self._resident() > easy:
            self._holder.release()
            give_back()
            over = self._resident() - easy
            if over > 0:
                self._holder.shrink(over)
                give_back()
        self._tight = self._tight and self._resident() > (easy + self.limit * TIGHT) / 2
        self._tell_spare()

    def _tell_spare(self) -> None:
        self._tell(int(self.limit * TIGHT) - self._resident())

    def _work(self) -> None:
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._called or self._closed, PAUSE_SECONDS)
                self._called = False
                if self._closed:
                    return
            try:
                self.tidy()
                self.relieve()
            except Exception as error:  # noqa: BLE001 - the next look may help
                self._failed("relieving", error)

    def close(self) -> None:
        """End the thread."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._thread.join()
