from __future__ import annotations

import asyncio
import threading
from contextlib import AbstractContextManager

from satellite.intake.arrivals import REMEMBERED, Arrivals, Watch

LONG = 30.0
"""Seconds that a wait never takes here: each is ended by what it waits for."""


def test_what_arrives_between_two_waits_is_not_lost() -> None:
    async def scene() -> list[bool]:
        arrivals = Arrivals()
        with arrivals.watch("p") as watch:
            arrivals.notify("p")
            first = await watch.wait(LONG)
            arrivals.notify("p")
            arrivals.notify("p")
            return [first, await watch.wait(LONG), await watch.wait(0)]

    assert asyncio.run(scene()) == [True, True, False]


def test_an_arrival_in_another_thread_wakes() -> None:
    async def scene() -> bool:
        arrivals = Arrivals()
        with arrivals.watch("p") as watch:
            thread = threading.Thread(target=arrivals.notify, args=("p",))
            thread.start()
            woken = await watch.wait(LONG)
            thread.join()
            return woken

    assert asyncio.run(scene())


def test_waiters_in_several_loops() -> None:
    arrivals = Arrivals()
    ready = threading.Barrier(3)
    woken: list[bool] = []

    async def scene() -> None:
        with arrivals.watch("p") as watch:
            await asyncio.to_thread(ready.wait)
            woken.append(await watch.wait(LONG))

    threads = [threading.Thread(target=asyncio.run, args=(scene(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    ready.wait()
    arrivals.notify("p")
    for thread in threads:
        thread.join()
    assert woken == [True, True]


def test_other_projects_do_not_wake() -> None:
    async def scene() -> bool:
        arrivals = Arrivals()
        with arrivals.watch("p") as watch:
            arrivals.notify("q")
            return await watch.wait(0)

    assert not asyncio.run(scene())


def test_a_drop_ends_the_wait() -> None:
    async def scene() -> tuple[bool, bool]:
        arrivals = Arrivals()
        with arrivals.watch("p") as watch:
            arrivals.dropped("p")
            return await watch.wait(LONG), watch.dropped

    assert asyncio.run(scene()) == (True, True)


def test_close_ends_every_wait_and_later_ones() -> None:
    async def scene() -> tuple[bool, bool, bool]:
        arrivals = Arrivals()
        with arrivals.watch("p") as watch:
            arrivals.close()
            woken = await watch.wait(LONG)
            with arrivals.watch("q") as later:
                return woken, watch.closed, later.closed

    assert asyncio.run(scene()) == (True, True, True)


def test_an_arrival_after_the_loop_of_a_watch_is_gone() -> None:
    arrivals = Arrivals()

    async def scene() -> AbstractContextManager[Watch]:
        block = arrivals.watch("p")
        block.__enter__()
        return block

    block = asyncio.run(scene())
    arrivals.notify("p")
    block.__exit__(None, None, None)


def test_the_latest_projects_first_and_not_all_of_them() -> None:
    arrivals = Arrivals()
    for name in ("a", "b", "a"):
        arrivals.notify(name)
    assert arrivals.latest() == ["a", "b"]
    arrivals.dropped("a")
    assert arrivals.latest() == ["b"]
    for i in range(100):
        arrivals.notify(str(i))
    assert arrivals.latest() == [str(i) for i in range(99, 99 - REMEMBERED, -1)]
