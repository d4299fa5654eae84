"""The only reader of the clock. Everything below the edges is told the time.

The demo plays past months, so it may set the clock of its own process with `travel`.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

_travelled_to: list[datetime] = []


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return _travelled_to[-1] if _travelled_to else datetime.now(UTC)


def business_date(timezone: str) -> date:
    """Return the last complete business date: yesterday, as seen in the company's time zone."""
    return utc_now().astimezone(ZoneInfo(timezone)).date() - timedelta(days=1)


@contextmanager
def travel(moment: datetime) -> Iterator[None]:
    """Let the clock of this process stand at `moment` inside the block."""
    _travelled_to.append(moment.astimezone(UTC))
    try:
        yield
    finally:
        _travelled_to.pop()
