from __future__ import annotations

import asyncio

import pytest

from satellite.edges.peers import FLOOD, VAIN_AT_ONCE, VAIN_PER_SECOND, VAIN_WAIT_SECONDS_MAX, Peers
from satellite.edges.turns import LATELY, PUT_OFF_SHARE, SHARE, SHARE_ALONE, SLICE, TURN, LoopTurns


class Reader:
    """Has so many slices of work to do, and notes when."""

    def __init__(self, turns: LoopTurns, host: str, slices: int, done: list[str]) -> None:
        self.turns, self.host, self.slices, self.done = turns, host, slices, done

    def go_on(self) -> int:
        self.done.append(self.host)
        self.turns.spend(self.host, SLICE)
        self.slices -= 1
        if self.slices:
            self.turns.put_off(self.host, self)
        return SLICE


async def a_turn() -> None:
    await asyncio.sleep(0)


def test_an_address_has_a_share_of_a_turn() -> None:
    async def main() -> None:
        turns = LoopTurns()
        assert turns.allowance("a") == SLICE
        turns.spend("a", SHARE_ALONE - 10)
        assert turns.allowance("a") == 10
        turns.spend("a", 10)
        assert turns.allowance("a") == 0
        assert turns.allowance("b") == SLICE
        await a_turn()
        assert turns.allowance("a") == SLICE

    asyncio.run(main())


def test_where_others_are_an_address_has_less_of_a_turn() -> None:
    async def main() -> None:
        turns = LoopTurns()
        turns.spend("a", 1)
        await a_turn()
        turns.spend("b", 1)
        for _ in range(LATELY):
            await a_turn()
            assert turns.allowance("a") == SHARE
            turns.spend("b", 1)
        await a_turn()
        assert turns.allowance("a") == SLICE

    asyncio.run(main())


def test_what_could_not_be_stopped_is_a_debt() -> None:
    async def main() -> None:
        turns = LoopTurns()
        turns.spend("b", 1)
        turns.spend("a", 10 * SHARE)
        done: list[str] = []
        turns.put_off("a", Reader(turns, "a", 1, done))
        for _ in range(9):
            await a_turn()
            assert not done
            assert turns.allowance("b") == SHARE
        await a_turn()
        assert done == ["a"]

    asyncio.run(main())


def test_thousands_of_addresses_have_a_bound_too() -> None:
    async def main() -> None:
        turns = LoopTurns()
        for number in range(TURN // SLICE):
            turns.spend(str(number), SLICE)
        assert turns.allowance("another") == 0

    asyncio.run(main())


def test_what_is_read_is_work_too() -> None:
    async def main() -> None:
        turns = LoopTurns()
        assert turns.came("a", 1000) == SLICE
        assert turns.came("a", 2048 * (SHARE_ALONE - 20)) == 20
        assert turns.came("a", 10**9) == 0

    asyncio.run(main())


def test_what_begins_waits_for_its_turn() -> None:
    async def main() -> None:
        turns = LoopTurns()
        await turns.turn("a", 3 * SHARE_ALONE)
        assert turns.allowance("a") == 0
        begun: list[str] = []

        async def begin(host: str) -> None:
            await turns.turn(host, SHARE_ALONE)
            begun.append(host)

        tasks = [asyncio.create_task(begin(host)) for host in "aaa"]
        await a_turn()
        assert not begun
        tasks.pop(1).cancel()
        await asyncio.gather(*tasks)
        assert begun == ["a", "a"]

    asyncio.run(main())


def test_addresses_take_turns_and_so_do_their_connections() -> None:
    async def main() -> None:
        turns = LoopTurns()
        done: list[str] = []
        for _ in range(50):
            turns.put_off("flood", Reader(turns, "flood", 100, done))
        turns.put_off("victim", Reader(turns, "victim", 1, done))
        assert turns.allowance("flood") == turns.allowance("victim") == 0
        await a_turn()
        assert done == ["flood", "victim"]
        assert turns.allowance("flood") == 0
        await a_turn()
        assert done == ["flood", "victim"]  # a slice is two shares
        await a_turn()
        assert done == ["flood", "victim", "flood"]

    asyncio.run(main())


def test_one_alone_has_all_there_is_for_what_waits() -> None:
    async def main() -> None:
        turns = LoopTurns()
        done: list[str] = []
        turns.put_off("a", Reader(turns, "a", 100, done))
        await a_turn()
        assert len(done) == PUT_OFF_SHARE // SLICE

    asyncio.run(main())


class TestPeers:
    def test_who_floods_waits_for_a_while(self) -> None:
        now = [100.0]
        peers = Peers(lambda: now[0])
        assert [peers.trouble("a", FLOOD) for _ in range(5)] == [False, False, False, True, False]
        waits = [peers.wait_seconds("a") for _ in range(4)]
        assert waits == sorted(waits)
        assert waits[-1] > waits[0] + 0.5
        assert peers.wait_seconds("b") == 0
        now[0] += 60
        assert peers.wait_seconds("a") == 0
        assert not peers.trouble("a", FLOOD)

    def test_now_and_then_something_comes_to_nothing(self) -> None:
        now = [100.0]
        peers = Peers(lambda: now[0])
        for _ in range(1000):
            now[0] += 0.1
            assert not peers.trouble("probe")
        assert peers.wait_seconds("probe") == 0

    def test_addresses_are_not_remembered_without_end(self) -> None:
        peers = Peers(lambda: 0.0)
        for number in range(20_000):
            peers.trouble(str(number))
        assert len(peers._records) <= 10_000

    def test_who_asks_in_vain_without_a_pause_waits_for_answers(self) -> None:
        now = [100.0]
        peers = Peers(lambda: now[0])
        assert not any(peers.vain_wait_seconds("a") for _ in range(VAIN_AT_ONCE))
        waits = [peers.vain_wait_seconds("a") for _ in range(10)]
        assert waits == pytest.approx([number / VAIN_PER_SECOND for number in range(1, 11)])
        assert peers.vain_wait_seconds("b") == 0
        assert peers.wait_seconds("a") == 0, "its connections do not"
        assert max(peers.vain_wait_seconds("a") for _ in range(10_000)) == VAIN_WAIT_SECONDS_MAX
        now[0] += 60
        assert not any(peers.vain_wait_seconds("a") for _ in range(VAIN_AT_ONCE))

    def test_a_fleet_that_asks_in_vain_now_and_then_waits_for_nothing(self) -> None:
        now = [100.0]
        peers = Peers(lambda: now[0])
        for _ in range(5000):
            now[0] += 1.01 / VAIN_PER_SECOND
            assert peers.vain_wait_seconds("a") == 0
