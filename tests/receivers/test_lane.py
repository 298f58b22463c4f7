"""Frames between a receiver and the store's process."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor

import pytest
import uvloop

from satellite.receivers.lane import Lane


@pytest.fixture
def loop() -> uvloop.Loop:
    return uvloop.new_event_loop()


def test_more_than_the_sockets_hold_at_an_end_where_a_loop_listens(loop: uvloop.Loop) -> None:
    """It waits for the other end; receivers ended for it, under load, on machines where there are any by default."""
    head = b"x" * 2**24
    here, there = (Lane(end) for end in socket.socketpair())
    loop.add_reader(here.fileno(), here.take)
    with ThreadPoolExecutor(1) as other:
        received = other.submit(there.receive)
        try:
            here.send(7, head)
        except BaseException:
            here.close()  # or the other end waits for ever
            raise
        frame = received.result()
    assert frame is not None
    assert (frame.number, frame.head, len(frame.spans)) == (7, head, 0)
    there.send(8, "receipts")
    assert here.take() == [(8, "receipts")]
    loop.remove_reader(here.fileno())
    loop.close()
    here.close()
    there.close()
    assert there.receive() is None
