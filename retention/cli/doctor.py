"""`retention doctor`: one line per part that must work, with a fix for each that does not."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from retention.terminal import AsJson, emit, print_table

if TYPE_CHECKING:
    from retention.bootstrap import Workshop

Check = tuple[str, str, str]
OK, WARN, FAIL = "OK", "WARN", "FAIL"
_MOST_SKEW = 60.0


def doctor(*, as_json: AsJson = False) -> None:
    """Check policies, database, sources, templates, mail and Prefect; exit 1 on a FAIL."""
    from retention.bootstrap import get_workshop
    from retention.domain.errors import RetentionError

    try:
        shop = get_workshop()
        shop.policies.calendars.check()
    except RetentionError as error:
        checks = [("policies", FAIL, f"{error.where}: {error.found}. {error.remedy}")]
    else:
        checks = [("policies", OK, str(shop.policies.home))]
        parts = (_database, _clock, _sources, _notices, _mail, _switch, _prefect)
        checks += [_checked(part, shop) for part in parts]
    if as_json:
        emit({"checks": [{"part": p, "verdict": v, "detail": d} for p, v, d in checks]})
    else:
        print_table("retention doctor", ("part", "verdict", "detail"), checks)
    if any(verdict == FAIL for _, verdict, _ in checks):
        raise typer.Exit(1)


def _checked(part: "Callable[[Workshop], Check]", shop: "Workshop") -> Check:
    from sqlalchemy.exc import SQLAlchemyError

    from retention.domain.errors import RetentionError

    name = part.__name__.strip("_")
    try:
        return part(shop)
    except RetentionError as error:
        return (name, FAIL, f"{error.where}: {error.found}. {error.remedy}")
    except SQLAlchemyError as error:
        return (name, FAIL, f"{type(error).__name__}: check RETENTION_DATABASE_URL")


def _database(shop: "Workshop") -> Check:
    from retention.db import schema

    place = shop.engine.url.render_as_string(hide_password=True)
    if not schema.exists(shop.engine):
        return ("database", WARN, f"{place} is not set up yet; the first run does it")
    if not schema.is_current(shop.engine):
        return ("database", WARN, f"{place} lacks migrations; the next run applies them")
    return ("database", OK, place)


def _sources(shop: "Workshop") -> Check:
    from retention.nights.pull import count_source_rows

    rows = count_source_rows(shop.policies, shop.places)
    return ("sources", OK, ", ".join(f"{name} {count:,}" for name, count in rows.items()))


def _mail(shop: "Workshop") -> Check:
    from retention.delivery.smtp import AttemptFailedError, Connection

    where = f"{shop.mail.host}:{shop.mail.port} ({shop.mail.security})"
    with Connection(shop.mail) as connection:
        try:
            connection.open()
        except AttemptFailedError as error:
            return ("mail", FAIL, f"{where} cannot be used: {error.text}. Check RETENTION_MAIL_*")
    return ("mail", OK, where)


def _switch(shop: "Workshop") -> Check:
    if shop.settings.stop_file.exists():
        return ("switch", WARN, f"all sending is stopped; remove {shop.settings.stop_file}")
    return ("switch", OK, "sending is not stopped")


def _notices(shop: "Workshop") -> Check:
    """Say which notice rules nobody has looked at in time; they hold all the same."""
    from retention.clock import utc_now
    from retention.domain.dates import date_in

    on = date_in(utc_now(), shop.settings.timezone)
    rules = shop.policies.notices.rules
    old = [rule.rule_id for rule in rules if rule.review_by < on]
    if old:
        return ("notices", WARN, f"to be looked at again: {', '.join(old)}")
    return ("notices", OK, f"{len(rules)} rules, none to be looked at again yet")


def _clock(shop: "Workshop") -> Check:
    """A clock that is wrong takes leases away and moves dates."""
    from sqlalchemy import func, select

    from retention.clock import utc_now
    from retention.db.session import reading

    if shop.engine.dialect.name == "sqlite":
        return ("clock", OK, "the database has this machine's")
    with reading(shop.engine) as session:
        there = session.scalar(select(func.now()))
    skew = abs((there - utc_now()).total_seconds()) if there else 0.0
    if skew > _MOST_SKEW:
        return ("clock", FAIL, f"the database's clock differs by {skew:.0f} s: set both by NTP")
    return ("clock", OK, "the same here and in the database")


def _prefect(_: "Workshop") -> Check:
    from importlib.metadata import version

    from retention.settings import keep_prefect_quiet

    keep_prefect_quiet()
    try:
        import prefect.server.api.server  # noqa: F401 - importing prefect alone proves nothing
    except (ImportError, TypeError) as error:
        return ("prefect", FAIL, f"its server does not import: {error}. Use requirements.lock")
    return ("prefect", OK, f"prefect {version('prefect')}, fastapi {version('fastapi')}")
