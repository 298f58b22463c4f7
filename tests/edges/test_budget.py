"""What is being read: a bound for all, and a part for each address."""

from __future__ import annotations

import select
import socket
from contextlib import ExitStack

import httpx
import pytest

from satellite import Satellite
from satellite.edges.budget import ReadingBudget
from satellite.errors import Overloaded


def test_a_body_may_be_as_large_as_the_budget() -> None:
    budget = ReadingBudget(100)
    share = budget.share("10.0.0.1:1", 80)
    share.hold(100)
    with pytest.raises(Overloaded, match=r"at once, try"):
        share.hold(101)
    share.release()
    assert budget.held_bytes == 0


def test_an_address_may_hold_as_much_as_is_left() -> None:
    trapped: list[tuple[str, int, str, str]] = []
    budget = ReadingBudget(100, lambda *trap: trapped.append(trap))
    first, second = (budget.share(f"10.0.0.1:{port}", 80) for port in (1, 2))
    first.hold(25)
    second.hold(25)
    with pytest.raises(Overloaded, match="from this address"):
        second.hold(26)
    assert trapped == [("reading_full", 80, "10.0.0.1:2", "of one address")]
    second.hold(10)
    other = budget.share("10.0.0.2:1", 80)
    other.hold(32)
    with pytest.raises(Overloaded, match="from this address"):
        first.hold(40)  # 18 are left, and its address holds 50
    budget.share("10.0.0.3:1", 80).hold(18)


def test_what_is_less_than_before_is_never_too_much() -> None:
    budget = ReadingBudget(100)
    one, other = budget.share("10.0.0.1:1"), budget.share("10.0.0.1:2")
    one.hold(60)
    with pytest.raises(Overloaded):
        other.hold(60)
    other.hold(50)
    one.hold(0)
    assert budget.held_bytes == 50
    other.release()
    other.release()
    assert budget.held_bytes == 0


def test_who_ends_no_body_leaves_room_for_others() -> None:
    """Over HTTP/1, where bodies come in pieces: of two of one address one is too much, another's is taken."""
    with (
        Satellite(max_waiting_bytes=100_000, max_msg_size_bytes=100_000) as satellite,
        ExitStack() as opened,
    ):
        port = int(satellite.http_url.rpartition(":")[2])

        def begun(address: str, size: int, come: int) -> socket.socket:
            made = opened.enter_context(
                socket.create_connection(("127.0.0.1", port), 30, source_address=(address, 0))
            )
            made.sendall(
                b"POST /api/v2/reports HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/octet-stream\r\n"
                b"content-length: %d\r\n\r\n" % size + b"\x3a\x00" * (come // 2)
            )
            return made

        both = [begun("127.0.0.2", 50_000, 40_000) for _ in range(2)]
        refused = select.select(both, [], [], 30)[0][0]
        assert refused.recv(12) == b"HTTP/1.1 503"
        other = next(one for one in both if one is not refused)
        assert begun("127.0.0.3", 10_000, 10_000).recv(12) == b"HTTP/1.1 200"
        other.sendall(b"\x3a\x00" * 5_000)
        assert other.recv(12) == b"HTTP/1.1 200"
        lines = httpx.get(f"{satellite.url}/diagnostics", trust_env=False).json()["traps"]["lines"]
        assert ("reading_full", "of one address") in [(line["kind"], line["detail"]) for line in lines]
