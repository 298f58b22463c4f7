"""What every engine must answer; an engine's test file subclasses StoreConformance and gives the `store` fixture.

Where the contract in `satellite/store/__init__.py` leaves room, this is what it means (ours):

* Orders, each with its ties: `-latency` is duration descending, start descending, span id ascending, mark ascending;
  `latency` is duration ascending, start ascending, span id, mark; `-start` is start descending, duration descending,
  span id, mark; `start` is start ascending, duration ascending, span id, mark; `arrival` is the mark, `-arrival` the mark from the last on. Times compare
  in ns, span ids as unsigned numbers. A trace is by start, then span id, then mark.
* A cursor pins the mark of its first page: what arrives later is on no later page and in no later total.
* What a repeat, a version and a part are `satellite/store/identity.py` says. Two arrivals of one identity are the same
  when all else is too, to the ns, types and order of tags included. A replaced version is gone from every answer; the
  version in its place has a mark of its own, as just arrived; so has a span that took up a part.
* A batch is worked through in order, as if each of its spans came alone.
* Statistics (percentiles, sums, means) are of whole µs, rounded down, as `Span.duration_us` shows them.
* Suggested keys and values are those of the spans' own tags, `parent_span_guid` aside; reporter attributes match in
  queries and group spans, but are not suggested. A span counts once per name.
* Traces of a group are counted by the lower halves of their ids. Its exemplars stand in the order `-latency`.
* Groups with a None come last, by mean latency descending among themselves.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from satellite.store import Store
from tests.store.conformance.identity import Identity
from tests.store.conformance.load import Load
from tests.store.conformance.matching import Matching
from tests.store.conformance.pages import Pages
from tests.store.conformance.projects import Projects
from tests.store.conformance.tables import Tables
from tests.store.conformance.traces import Traces
from tests.store.conformance.worked_example import WorkedExample


class StoreConformance(WorkedExample, Matching, Pages, Traces, Tables, Identity, Projects, Load):
    """The suite; a subclass gives `store`, an empty engine."""

    @pytest.fixture
    def store(self) -> Iterator[Store]:
        """An empty engine, closed afterwards."""
        raise NotImplementedError
