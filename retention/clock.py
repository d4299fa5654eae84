"""The only reader of the clock. Everything below the edges is told the time."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def business_date(timezone: str) -> date:
    """Return the last complete business date: yesterday, as seen in the company's time zone."""
    return datetime.now(ZoneInfo(timezone)).date() - timedelta(days=1)
