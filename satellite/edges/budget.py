"""What may be in memory of bodies and messages that are still being read, over all connections and protocols."""

from __future__ import annotations

from satellite.errors import Overloaded


class ReadingBudget:
    """Counts bytes; belongs to one event loop."""

    def __init__(self, bytes_max: int) -> None:
        """Nothing is held. `bytes_max` is for all together; whoever exceeds it is told to try later."""
        self.bytes_max = bytes_max
        self.held_bytes = 0

    def share(self) -> Share:
        """For one body."""
        return Share(self)


class Share:
    """What one body holds of the budget."""

    __slots__ = ("_budget", "held_bytes")

    def __init__(self, budget: ReadingBudget) -> None:
        self._budget = budget
        self.held_bytes = 0

    def hold(self, size_bytes: int) -> None:
        """So much is in memory of it now. Raises Overloaded when that is too much, with all others; it is held all the same."""
        self._budget.held_bytes += size_bytes - self.held_bytes
        self.held_bytes = size_bytes
        if self._budget.held_bytes > self._budget.bytes_max:
            raise Overloaded("too many reports are arriving at once, try again later")

    def release(self) -> None:
        """Nothing is left of it."""
        self._budget.held_bytes -= self.held_bytes
        self.held_bytes = 0
