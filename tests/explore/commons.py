"""What a pool has in common, in memory; held to what ClickHouse's does by `check`."""

from __future__ import annotations

from collections.abc import Callable

from satellite.store.commons import Common, Commons


class MemoryCommons:
    """Implements Commons."""

    def __init__(self, clock_seconds: Callable[[], float] = lambda: 0.0) -> None:
        self._clock_seconds = clock_seconds
        self._kept: dict[tuple[str, str, str], tuple[int, float, bytes]] = {}

    def put(self, kind: str, project: str, name: str, value: bytes, *, version: int) -> None:
        known = self._kept.get((kind, project, name))
        if known is None or known[0] <= version:
            self._kept[kind, project, name] = (version, self._clock_seconds(), value)

    def read(
        self, kind: str, project: str | None = None, name: str | None = None, *, values: bool = True
    ) -> list[Common]:
        return [
            Common(owner, key, version, self._clock_seconds() - put, value if values else b"")
            for (of, owner, key), (version, put, value) in sorted(self._kept.items())
            if of == kind and project in {None, owner} and name in {None, key}
        ]

    def remove(self, kind: str, project: str, name: str) -> None:
        self._kept.pop((kind, project, name), None)


def check(one: Commons, other: Commons) -> None:
    """What is put by one is there for the other, and means what it should; both are of one pool."""
    odd = "it's \\ \n\t{}é"
    assert one.read("a") == []
    one.put("a", odd, odd, bytes(range(256)), version=5)
    one.put("a", "p", "n", b"first", version=0)
    other.put("b", "p", "n", b"of another kind", version=1)
    assert [(found.project, found.name, found.version, found.value) for found in other.read("a")] == [
        (odd, odd, 5, bytes(range(256))),
        ("p", "n", 0, b"first"),
    ]
    other.put("a", odd, odd, b"", version=4)
    one.put("a", "p", "n", b"second", version=0)
    other.put("a", "p", "n", b"third", version=2**62)
    assert [(found.version, found.value) for found in one.read("a", "p")] == [(2**62, b"third")]
    assert [found.value for found in one.read("a", odd, odd)] == [bytes(range(256))]
    assert [(found.version, found.value) for found in one.read("a", odd, odd, values=False)] == [(5, b"")]
    assert 0 <= one.read("a", "p")[0].age_seconds < 3_600
    other.remove("a", "p", "n")
    other.remove("a", "p", "nobody")
    assert [found.project for found in one.read("a")] == [odd]
    assert [found.value for found in one.read("b", "p")] == [b"of another kind"]
    one.put("a", "p", "n", b"again", version=1)
    assert [found.value for found in other.read("a", "p", "n")] == [b"again"]
