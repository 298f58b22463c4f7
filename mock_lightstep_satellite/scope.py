"""What is asked of a project and of the whole satellite alike: the requests that came, and what goes wrong on purpose."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mock_lightstep_satellite import calls
from mock_lightstep_satellite.calls import Bound
from mock_lightstep_satellite.errors import NotFound, is_told
from mock_lightstep_satellite.replay import TIMEOUT_S, Replayed, replay
from mock_lightstep_satellite.row import Row

if TYPE_CHECKING:
    from mock_lightstep_satellite.async_client import AsyncQuestions

__tracebackhide__ = is_told


class AsyncScope(ABC):
    """What belongs to a project, and else to the whole satellite: the requests that came, and what goes wrong on purpose."""

    @property
    @abstractmethod
    def _asker(self) -> AsyncQuestions:
        """Who asks."""

    @property
    @abstractmethod
    def _project(self) -> str | None:
        """The project; None: the whole satellite."""

    async def requests(self, /, **which: Bound) -> list[Row]:
        """What came to the ports for reports for this project, oldest first: status, outcome, fault and more of each.

        Of a client: what reached no project. `which`: protocol, transport, path, status, outcome, service, reporter, since
        (a mark), after (a number), limit.
        """
        return await self._asker._rows(calls.requests(self._project, **which), "requests")

    async def request(self, number: int) -> dict[str, Any]:
        """One of them: `request`, its `headers` without secrets, `answer_text` or `answer_hex`. Raises NotFound."""
        return await self._asker.send(calls.requests(self._project, number))

    async def request_body(self, number: int) -> bytes:
        """Its body as it was sent; over gRPC the message. It holds what its sender put into it, tokens, too."""
        return await self._asker.send(calls.request_body(self._project, number))

    async def decode_request(self, number: int) -> dict[str, Any]:
        """Its body as its protocol reads it: service, attributes, spans, counters; `error` when it is no report."""
        return await self._asker.send(calls.requests(self._project, f"{number}/decoded"))

    async def replay(
        self,
        number: int,
        to: str,
        *,
        token: str | None = None,
        ca_file: str | Path | None = None,
        timeout: float = TIMEOUT_S,  # noqa: ASYNC109 - of the request that is sent
    ) -> Replayed:
        """Send one of them again, from here, to `http(s)://host:port`, for gRPC also `host:port`; what was answered.

        `token` takes the place of the access token that the log left out; None: the project's name, which it is in open mode,
        of a client none.

        Raises:
            BadRequest: no such address, or a body that was cut.
            Unreachable: nobody takes it there.
        """
        detail, body = await self.request(number), await self.request_body(number)
        given = self._project if token is None else token
        return await self._asker._connection.aside(
            lambda: replay(detail, body, to, token=given, ca_file=ca_file, timeout=timeout)
        )

    async def faults(self) -> list[Row]:
        """What goes wrong here on purpose: id, fault, seen, applied, active of each rule."""
        return await self._asker._rows(calls.faults("GET", self._project), "faults")

    async def add_fault(self, /, profile: str | None = None, **fault: Any) -> list[str]:
        """Have something go wrong from now on; ids of the rules. Fields of a fault: docs/testing.md.

        Of a client: for every project, or what belongs to none, a connection, TLS.
        """
        added = await self._asker._rows(calls.fault(self._project, profile, fault), "faults")
        return [one["id"] for one in added]

    async def remove_faults(self, *fault_ids: str) -> None:
        """Let nothing go wrong here any more, or only these rules; of a client: those of projects stay."""
        for call in calls.without_faults(self._project, fault_ids):
            await self._asker.send(call)

    @asynccontextmanager
    async def fault(self, /, profile: str | None = None, **fault: Any) -> AsyncIterator[list[str]]:
        """Have something go wrong within the block: `with project.fault(status=503, times=2): …`."""
        added = await self.add_fault(profile, **fault)
        try:
            yield added
        finally:
            with suppress(NotFound):  # the project may be gone, and its faults with it
                await self.remove_faults(*added)
