"""Moments as RFC 3339 writes them, read exactly."""

from __future__ import annotations

import calendar
import re
from functools import lru_cache

_TIME = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.(\d+))?(?:([Zz])|([+-])(\d\d):?(\d\d))?", re.ASCII
)


def read_time(text: str, *, zoned: bool = True) -> int | None:
    """Ns since the epoch; None for what is no moment. Not `zoned`: one without a zone is in UTC."""
    parts = _TIME.fullmatch(text)
    if parts is None:
        return None
    *date, fraction, utc, sign, hours, minutes = parts.groups()
    seconds = _seconds("-".join(date))
    if seconds is None or (zoned and not utc and not sign):
        return None
    if sign:
        shift = int(hours) * 3600 + int(minutes) * 60
        seconds -= shift if sign == "+" else -shift
    return seconds * 1_000_000_000 + (int(fraction[:9].ljust(9, "0")) if fraction else 0)


@lru_cache(maxsize=1024)
def _seconds(date: str) -> int | None:
    """Seconds since the epoch of `year-month-day-hour-minute-second`; a leap second counts as the next one."""
    year, month, day, hour, minute, second = map(int, date.split("-"))
    if not (year and 1 <= month <= 12 and hour < 24 and minute < 60 and second <= 60):
        return None
    if not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, day, hour, minute, second))
