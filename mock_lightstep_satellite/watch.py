"""What came since a mark: `with project.watch() as watched: …; watched.expect(…)`."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mock_lightstep_satellite.connection import blocking
from mock_lightstep_satellite.errors import is_told

if TYPE_CHECKING:
    from mock_lightstep_satellite.async_client import AsyncProject
    from mock_lightstep_satellite.calls import Bound, Count, Query
    from mock_lightstep_satellite.client import Project
    from mock_lightstep_satellite.row import Row
    from mock_lightstep_satellite.trace import Trace, TracedSpan

__tracebackhide__ = is_told


@dataclass(frozen=True, slots=True)
class AsyncWatch:
    """`Watch` with methods to await."""

    project: AsyncProject
    mark: int
    timeout: float = 5.0
    """Seconds that `expect` waits where it is given none."""

    async def expect(
        self,
        query: Query = "",
        count: Count = ">=1",
        *,
        timeout: float | None = None,  # noqa: ASYNC109 - its timeout is the satellite's
        quiet: float = 0.0,
        trace: dict[str, Any] | None = None,
        fence: bool | Collection[str] = False,
    ) -> list[TracedSpan]:
        """As `Project.expect`."""
        seconds = self.timeout if timeout is None else timeout
        return await self.project.expect(
            query, count, timeout=seconds, quiet=quiet, since=self.mark, trace=trace, fence=fence
        )

    async def spans(
        self, /, query: Query = "", *, limit: int | None = None, **bounds: Bound
    ) -> list[TracedSpan]:
        """The matching ones that are there now, in order of arrival. Raises NotFound when nothing ever arrived."""
        return await self.project.spans(query, order="arrival", limit=limit, since=self.mark, **bounds)

    async def trace(self, root: Query = "") -> Trace:
        """The one whose root is `root`, whole; see `Project.trace`."""
        return await self.project.trace(root=root, since=self.mark)

    async def traces(self, /, query: Query = "", **bounds: Bound) -> list[Trace]:
        """The traces that they belong to, whole: also with spans that were there before."""
        return await self.project.traces(query, since=self.mark, **bounds)

    async def requests(self, /, **which: Bound) -> list[Row]:
        """As `Project.requests`."""
        return await self.project.requests(since=self.mark, **which)


@dataclass(frozen=True, slots=True)
class Watch:
    """A project's questions about what arrived after a mark; what was there before does not count."""

    project: Project
    mark: int
    timeout: float = 5.0

    @property
    def _awaited(self) -> AsyncWatch:
        return AsyncWatch(self.project._awaited, self.mark, self.timeout)

    expect = blocking(AsyncWatch.expect)
    spans = blocking(AsyncWatch.spans)
    trace = blocking(AsyncWatch.trace)
    traces = blocking(AsyncWatch.traces)
    requests = blocking(AsyncWatch.requests)
