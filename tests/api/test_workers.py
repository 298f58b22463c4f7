"""Questions that nobody waits for any more are not worked on, and leave their turns to the others."""

from __future__ import annotations

import asyncio
import threading

import pytest

from satellite.api.workers import PER_PROJECT, Workers
from satellite.query.limit import check, seconds_left


def test_a_question_ends_with_who_asked() -> None:
    left: list[float | None] = []

    async def ask() -> list[int]:
        workers = Workers(seconds_max=60)
        begun = threading.Semaphore(0)

        def endless() -> None:
            begun.release()
            try:
                while True:
                    check()
            finally:
                left.append(seconds_left())

        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(workers.answer("p", endless)) for _ in range(PER_PROJECT)]
            for _ in running:
                await asyncio.to_thread(begun.acquire)
            waiting = tasks.create_task(workers.answer("p", endless))
            await asyncio.sleep(0)
            for one in (waiting, *running):
                one.cancel()
        assert all(one.cancelled() for one in (waiting, *running))
        assert len(left) == PER_PROJECT, "the threads are at rest, and the one that waited never began"
        found: list[int] = await asyncio.gather(
            *(workers.answer("p", lambda: 1) for _ in range(2 * PER_PROJECT))
        )
        return found

    assert asyncio.run(ask()) == [1] * 2 * PER_PROJECT
    assert left == [-float("inf")] * PER_PROJECT


def test_a_question_fails_as_it_does() -> None:
    def fails() -> None:
        raise KeyError("so")

    with pytest.raises(KeyError, match="so"):
        asyncio.run(Workers(seconds_max=60).answer("p", fails))
