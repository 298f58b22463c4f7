"""How much a project, and all together, may take of memory and of disk."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

_ROOM = 0.98
"""What is left when all together were over their budget: so the largest is not looked for at every write (ours)."""


class Size(Protocol):
    """What takes memory and disk."""

    bytes: int
    file_bytes: int


@dataclass(frozen=True, slots=True)
class Budget:
    """Of bytes in memory, and in files."""

    memory_bytes: int
    disk_bytes: int
    on_disk: bool = False
    """Whether the disk's is the one that spans are let go by; what is over the memory's goes to the disk."""

    @property
    def bytes(self) -> int:
        """The one that spans are let go by."""
        return self.disk_bytes if self.on_disk else self.memory_bytes

    def of_bytes(self, size: int) -> Budget:
        """One of so many bytes of the same."""
        return Budget(size, size, self.on_disk)

    def share(self, size: Size) -> int:
        """What counts of a size."""
        return size.bytes + size.file_bytes if self.on_disk else size.bytes

    def exceeded(self, size: Size) -> bool:
        """Whether some of it must go for good."""
        return self.share(size) > self.bytes

    def with_room(self) -> Budget:
        """A little less."""
        return self.of_bytes(int(self.bytes * _ROOM))


@dataclass(frozen=True, slots=True)
class Budgets:
    """Of each project, and of all together."""

    each: Budget
    whole: Budget
    some: Mapping[str, Budget]

    @classmethod
    def given(
        cls,
        each: Budget,
        whole: Budget,
        memory_overrides: Mapping[str, int],
        disk_overrides: Mapping[str, int],
        *,
        on_disk: bool,
    ) -> Budgets:
        """Put together; overrides are for some projects."""
        some = {
            name: Budget(
                memory_overrides.get(name, each.memory_bytes),
                disk_overrides.get(name, each.disk_bytes),
                on_disk,
            )
            for name in {*memory_overrides, *disk_overrides}
        }
        return cls(
            Budget(each.memory_bytes, each.disk_bytes, on_disk),
            Budget(whole.memory_bytes, whole.disk_bytes, on_disk),
            some,
        )

    def of(self, project: str) -> Budget:
        """A project's."""
        return self.some.get(project, self.each)
