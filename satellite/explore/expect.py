"""Waiting for spans on the server, ended by their arrival (testing.md §7.3)."""

from __future__ import annotations

import asyncio
from typing import Annotated, NoReturn

import msgspec

from satellite.errors import BadRequest, Exceeded, NotFound, NotMet, SatelliteError, StoreFailed
from satellite.explore.evidence import evidence
from satellite.explore.explanation import explain
from satellite.explore.fence import Fence, Fences, Whose
from satellite.explore.shape import Shape, lacking
from satellite.explore.standing import gone, in_worker, standing
from satellite.explore.window import plan_of
from satellite.intake.arrivals import Arrivals
from satellite.model.span import Span
from satellite.query.plan import Plan
from satellite.requests.log import RequestLog
from satellite.store import Page, Store

TIMEOUT_MS_DEFAULT = 5_000
TIMEOUT_MS_MAX = 60_000
"""Longer waits would outlive proxies and test runners; wait again instead (testing.md §7.3)."""
SPANS_MAX = 1_000
"""Spans in an answer; `total` counts them all."""

NO_LOG = RequestLog(bytes_per_project=0, bytes_in_total=0)

_Count = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class Range(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many spans are right."""

    min: _Count = 1
    max: _Count | None = None
    """None: no bound."""


class Expectation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is waited for: `count` matching spans that arrived after the mark `since`."""

    query: str = ""
    since: _Count = 0
    count: Range = Range()
    timeout_ms: _Count = TIMEOUT_MS_DEFAULT
    quiet_ms: _Count = 0
    """The count must have held for this long without another matching span."""
    fence: Whose | None = None
    """Judge only when all that these sent before is in, see `…/fence`; `{}`: all who reported so far."""
    trace: Shape | None = None
    """What must be true of the traces of these spans."""
    explain: bool = True
    """Say what was there instead, if they do not come."""


class Met(msgspec.Struct, frozen=True):
    """The spans came."""

    spans: list[Span]
    """In order of arrival, the first SPANS_MAX."""
    total: int
    mark: int
    """Arrival mark of this answer: `since` for what comes next."""


async def expect(
    store: Store,
    arrivals: Arrivals,
    project: str,
    wanted: Expectation,
    log: RequestLog = NO_LOG,
    fences: Fences | None = None,
) -> Met:
    """The spans, as soon as their number is right and has been for `quiet_ms`.

    Raises:
        BadQuery: the query is none.
        BadRequest: numbers that can never be met, or a timeout over TIMEOUT_MS_MAX.
        Exceeded: more spans than `count.max`, at once.
        NotMet: the time is over, for the spans or for the fence before.
        NotFound: the project was dropped meanwhile.
        StoreFailed: the satellite stops.
    """
    _check(wanted)
    clock = asyncio.get_running_loop().time
    changed = clock()
    deadline = changed + wanted.timeout_ms / 1000
    if wanted.fence is not None:
        assert fences is not None, "who waits for a fence knows who reports"
        await fences.passed(project, Fence(wanted.fence.services, wanted.timeout_ms))
        changed = clock()
    plan = plan_of(wanted.query, since=wanted.since)
    low, high = wanted.count.min, wanted.count.max
    quiet_s = wanted.quiet_ms / 1000
    # Spans that complete a trace need not match.
    news = Plan(since=wanted.since) if wanted.trace else plan
    lacks = wrong = ""
    is_last = False
    with (
        standing(store, arrivals, project, plan, spans_max=SPANS_MAX) as asked,
        standing(store, arrivals, project, news, spans_max=SPANS_MAX) as heard,
    ):
        refused_before = asked.watch.refused  # of all who wait, perhaps for longer
        count = await asked.begin(None if quiet_s else low)
        if heard is not asked:
            await heard.begin()
        while True:
            now_at, told = clock(), heard.told
            if asked.count != count:
                changed = now_at
            count = asked.count
            right = count >= low
            quiet_until = changed + quiet_s
            too_many = high is not None and count > high
            if too_many or (right and (not quiet_s or quiet_until <= min(now_at, deadline))):
                page = await asked.page()
                if high is not None and page.total > high:
                    await _fail(Exceeded, store, arrivals, log, project, plan, wanted, page.total)
                if page.total < low <= count and await asked.some_were_evicted():
                    said = (
                        ": enough came, but some were evicted before the last was there (bytes_per_project)"
                    )
                    await _fail(NotMet, store, arrivals, log, project, plan, wanted, page.total, said)
                if page.total != count and (quiet_s or page.total < low):
                    continue  # some have left, or more have come: judge again
                lacks, wrong = await _lacking(store, arrivals, project, page, wanted.trace)
                if not lacks:
                    return Met(page.spans, page.total, page.mark)
            if asked.watch.dropped:
                raise NotFound(f"project {project} was dropped during the wait")
            if asked.watch.closed:
                raise StoreFailed("the satellite stops; the wait ends without a result")
            lacking_still = not right or lacks
            refused = asked.watch.refusal if asked.watch.refused > refused_before and lacking_still else ""
            if now_at >= deadline and not (right or refused or is_last):
                is_last = True
                await asked.catch_up()
                continue
            if now_at >= deadline or refused:
                held = await in_worker(arrivals, lambda: store.count(project, plan))
                why = (
                    f"{f', but {lacks}' if right else ''}: a report was refused for good: {refused}"
                    if refused
                    else f" within {wanted.timeout_ms / 1000:g} s, but {lacks}"
                    if lacks
                    else ""
                )
                await _fail(NotMet, store, arrivals, log, project, plan, wanted, held, why, wrong)
            until = min(deadline, quiet_until) if right and not lacks else deadline
            await heard.news(told, max(until - clock(), 0))


async def _lacking(
    store: Store, arrivals: Arrivals, project: str, page: Page, shape: Shape | None
) -> tuple[str, str]:
    if shape is None:
        return "", ""
    ids = [span.trace_id for span in page.spans]
    return await in_worker(arrivals, lambda: lacking(store, project, ids, shape))


def _check(wanted: Expectation) -> None:
    low, high = wanted.count.min, wanted.count.max
    if wanted.timeout_ms > TIMEOUT_MS_MAX:
        raise BadRequest(f"timeout_ms is at most {TIMEOUT_MS_MAX}", hint="wait again, with the same since")
    if high is not None and high < low:
        raise BadRequest("count.max is less than count.min")
    if high == 0 and not wanted.quiet_ms and wanted.fence is None:
        raise BadRequest(
            "expecting no spans needs quiet_ms, the time for which none may come, or a fence",
            hint="quiet_ms: 500 (Python: quiet=0.5) waits half a second; fence: {} (fence=True) until each reporter has begun another report",
        )
    if wanted.quiet_ms > wanted.timeout_ms:
        raise BadRequest("quiet_ms is longer than timeout_ms: this could never be met")


async def _fail(
    error: type[SatelliteError],
    store: Store,
    arrivals: Arrivals,
    log: RequestLog,
    project: str,
    plan: Plan,
    wanted: Expectation,
    count: int,
    why: str = "",
    wrong: str = "",
) -> NoReturn:
    explanation = None
    if wanted.explain:
        found = evidence(log, project, wanted.since)
        explanation = await in_worker(
            arrivals,
            lambda: explain(
                store,
                project,
                plan,
                arrivals.latest(),
                found=found,
                wrong=wrong,
                left=gone(store, arrivals, project, plan.since),
            ),
        )
    message = f"expected {_in_words(wanted.count)}, got {count}"
    if why:
        message += why
    elif error is NotMet:
        message += f" within {wanted.timeout_ms / 1000:g} s"
        if count >= wanted.count.min:
            message += f": enough, but never for {wanted.quiet_ms / 1000:g} s without another"
    raise error(
        f"{message} (project {project})",
        project=project,
        query=wanted.query,
        since=wanted.since,
        count=count,
        expected=msgspec.to_builtins(wanted.count),
        explanation=msgspec.to_builtins(explanation),
    )


def _in_words(count: Range) -> str:
    low, high = count.min, count.max
    noun = "span" if (low if high is None else high) == 1 else "spans"
    if high is None:
        return f"at least {low} {noun}"
    if low == high:
        return f"{low} {noun}" if low else "no spans"
    return f"{low} to {high} {noun}" if low else f"at most {high} {noun}"
