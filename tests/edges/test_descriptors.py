from __future__ import annotations

import resource

import pytest

from satellite.edges.descriptors import Descriptors


def test_some_are_reserved(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1000, 1000))
    monkeypatch.setattr("satellite.edges.descriptors._open_now", lambda: 800)
    descriptors = Descriptors(lambda: now[0])
    assert (descriptors.limit, descriptors.reserved) == (1000, 125)
    assert [descriptors.take() for _ in range(76)] == [True] * 75 + [False]
    monkeypatch.setattr("satellite.edges.descriptors._open_now", lambda: 799)
    assert not descriptors.take()  # counted a moment ago
    now[0] += 1
    assert [descriptors.take() for _ in range(77)] == [True] * 76 + [False]


def test_without_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda _: (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    descriptors = Descriptors(lambda: 0.0)
    assert all(descriptors.take() for _ in range(10_000))
