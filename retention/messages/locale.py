"""The time zone, the place and the manner of writing of a recipient."""

from typing import Any
from zoneinfo import ZoneInfo

from retention.messages.sender import Sender
from retention.messages.template_filters import Manner
from retention.messages.templates import Template

_NO_LOCAL_TIME = frozenset({None, ""})


def manner_of(template: Template, row: dict[str, Any], sender: Sender) -> Manner:
    """Return how a customer writes money and dates."""
    locale = f"{template.language}_{row['country']}" if row["country"] else template.language
    zone = zone_of(row) or sender.timezone
    return Manner(locale, sender.currency, sender.own_hosts, zone, sender.brand)


def zone_of(row: dict[str, Any]) -> str | None:
    """Return a customer's time zone, or None when it is not known or does not exist."""
    name = row.get("timezone")
    if name in _NO_LOCAL_TIME:
        return None
    try:
        return ZoneInfo(str(name)).key
    except (KeyError, ValueError, OSError):
        return None


def place_of(row: dict[str, Any]) -> str:
    """Return a customer's country, or country and region, as calendars name them."""
    country, region = row.get("country") or "", row.get("region") or ""
    return f"{country}-{region}"[:8] if country and region else country[:8]
