"""`retention doctor`: one line per part that must work, with a fix for each that does not."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import typer

from retention.cli.doctor_schedules import FAIL, OK, WARN, Check, check_schedules
from retention.terminal import AsJson, emit, print_table

if TYPE_CHECKING:
    from retention.bootstrap import Application

_MOST_SKEW = 60.0
_HEAD_DAYS = 8


def doctor(*, as_json: AsJson = False) -> None:
    """Check policies, data, mail, and that what is scheduled runs; exit 1 on a FAIL."""
    from retention.bootstrap import get_application
    from retention.domain.errors import RetentionError

    try:
        shop = get_application()
        shop.policies.calendars.check()
    except RetentionError as error:
        checks = [Check("policies", FAIL, f"{error.where}: {error.found}. {error.remedy}")]
    else:
        checks = [Check("policies", OK, str(shop.policies.home))]
        parts = (
            _database,
            _clock,
            _sources,
            _notices,
            _mail,
            _letterhead,
            _switch,
            _ops,
            _night,
            _heads,
            _private,
            _pages,
            _gateways,
        )
        checks += [_checked(part, shop) for part in parts]
        checks += check_schedules(shop)
    if as_json:
        emit({"checks": [check._asdict() for check in checks]})
    else:
        rows = [check[:3] for check in checks]
        print_table("retention doctor", ("part", "verdict", "detail"), rows)
    if any(check.verdict == FAIL for check in checks):
        raise typer.Exit(1)


def _checked(part: "Callable[[Application], Check]", shop: "Application") -> Check:
    from sqlalchemy.exc import SQLAlchemyError

    from retention.domain.errors import RetentionError

    name = part.__name__.strip("_")
    try:
        return part(shop)
    except RetentionError as error:
        return Check(name, FAIL, f"{error.where}: {error.found}. {error.remedy}")
    except SQLAlchemyError as error:
        return Check(name, FAIL, f"{type(error).__name__}: check RETENTION_DATABASE_URL")


def _database(shop: "Application") -> Check:
    from retention.db import schema

    place = shop.engine.url.render_as_string(hide_password=True)
    if not schema.exists(shop.engine):
        return Check("database", WARN, f"{place} is not set up yet; the first run does it")
    if not schema.is_current(shop.engine):
        return Check("database", WARN, f"{place} lacks migrations; the next run applies them")
    return Check("database", OK, place)


def _sources(shop: "Application") -> Check:
    from retention.nights.gaps import gaps
    from retention.nights.pull import check_sources

    found = check_sources(shop.policies, shop.folders)
    lines = [", ".join(f"{name} {count:,}" for name, count in found.rows.items())]
    lines += [f"{f.said_of_table}{f'; {f.seen}' if f.seen else ''}" for f in found.findings]
    lines += gaps(found.columns, ())
    return Check("sources", WARN if len(lines) > 1 else OK, ". ".join(lines))


def _mail(shop: "Application") -> Check:
    from retention.delivery.smtp import AttemptFailedError, Connection

    where = f"{shop.mail.host}:{shop.mail.port} ({shop.mail.security})"
    with Connection(shop.mail) as connection:
        try:
            connection.open()
        except AttemptFailedError as error:
            return Check(
                "mail", FAIL, f"{where} cannot be used: {error.text}. Check RETENTION_MAIL_*"
            )
    return Check("mail", OK, where)


def _letterhead(shop: "Application") -> Check:
    """Who gets a letter, or what can be declined, must be able to see and write to who we are."""
    lacks = []
    if not shop.settings.mail_postal_address:
        lacks.append("no postal address: set RETENTION_MAIL_POSTAL_ADDRESS")
    if not shop.policies.brand.tax_id:
        lacks.append("no tax number: say 'tax_id' in brand.yaml")
    if lacks:
        return Check("letterhead", WARN, "letters have " + "; ".join(lacks))
    return Check("letterhead", OK, shop.settings.mail_postal_address)


def _switch(shop: "Application") -> Check:
    from retention.safeguards.stop_file import is_stopped

    if is_stopped(shop.settings.stop_file):
        return Check("switch", WARN, f"all sending is stopped; remove {shop.settings.stop_file}")
    return Check("switch", OK, "sending is not stopped")


def _notices(shop: "Application") -> Check:
    """Say which notice rules nobody has looked at in time; they hold all the same."""
    from retention.clock import utc_now
    from retention.domain.dates import date_in

    on = date_in(utc_now(), shop.settings.timezone)
    rules = shop.policies.notices.rules
    old = [rule.rule_id for rule in rules if rule.review_by < on]
    if old:
        return Check("notices", WARN, f"to be looked at again: {', '.join(old)}")
    return Check("notices", OK, f"{len(rules)} rules, none to be looked at again yet")


def _clock(shop: "Application") -> Check:
    """A clock that is wrong takes leases away and moves dates."""
    from sqlalchemy import func, select

    from retention.clock import utc_now
    from retention.db.session import reading

    if shop.engine.dialect.name == "sqlite":
        return Check("clock", OK, "the database has this machine's")
    with reading(shop.engine) as session:
        there = session.scalar(select(func.now()))
    skew = abs((there - utc_now()).total_seconds()) if there else 0.0
    if skew > _MOST_SKEW:
        return Check(
            "clock", FAIL, f"the database's clock differs by {skew:.0f} s: set both by NTP"
        )
    return Check("clock", OK, "the same here and in the database")


def _heads(shop: "Application") -> Check:
    """Whoever owns the database could write the whole chain anew, but for heads kept elsewhere."""
    from retention.audit.verify import last_export
    from retention.clock import utc_now
    from retention.db import schema
    from retention.db.session import reading

    how = "set RETENTION_AUDIT_HEADS, or run 'retention audit head --out FILE'"
    if not schema.exists(shop.engine) or not schema.is_current(shop.engine):
        return Check("audit", OK, "there is nothing to keep yet")
    with reading(shop.engine) as session:
        last = last_export(session)
    figures = {"last_head": last.isoformat() if last else None}
    if last is None:
        return Check("audit", WARN, f"no head was ever kept elsewhere: {how}", figures)
    if (utc_now() - last).days > _HEAD_DAYS:
        return Check("audit", WARN, f"the last head was kept on {last:%Y-%m-%d}: {how}", figures)
    return Check("audit", OK, f"the last head was kept on {last:%Y-%m-%d}", figures)


def _private(shop: "Application") -> Check:
    """The state folder holds names and messages: nobody else on this machine may read it."""
    state = shop.settings.state_dir
    if not state.exists():
        return Check("private", OK, f"{state} is made for its owner only")
    others = state.stat().st_mode & 0o077
    if others:
        return Check("private", WARN, f"others may look into {state}: chmod -R go-rwx {state}")
    return Check("private", OK, f"nobody else may look into {state}")


def _ops(shop: "Application") -> Check:
    """Say who hears of troubles, and which there are."""
    from retention.alerts.open_alerts import list_open
    from retention.db import schema
    from retention.db.session import reading
    from retention.domain.people import Role

    people = [person.person_id for person in shop.policies.team.with_role(Role.OPS)]
    if not people:
        return Check("ops", FAIL, "nobody has the role ops: give it to somebody in team.yaml")
    if not schema.exists(shop.engine) or not schema.is_current(shop.engine):
        return Check("ops", OK, f"{', '.join(people)} would be told")
    with reading(shop.engine) as session:
        wrong = [f"{alert.kind} {alert.key}" for alert in list_open(session)]
    if wrong:
        return Check("ops", WARN, f"{', '.join(people)} were told: {', '.join(wrong)}",
                     {"troubles": wrong})  # fmt: skip
    return Check(
        "ops", OK, f"{', '.join(people)} would be told; nothing is wrong", {"troubles": []}
    )


def _night(shop: "Application") -> Check:
    """Is the last night as old as it should be, and did it go well?"""
    from zoneinfo import ZoneInfo

    from retention.clock import utc_now
    from retention.db import schema
    from retention.db.session import reading
    from retention.runs.history import list_nights

    if not schema.exists(shop.engine) or not schema.is_current(shop.engine):
        return Check("night", WARN, "no night has run yet: 'retention run', or wait for the first")
    with reading(shop.engine) as session:
        nights = list_nights(session, "nightly", 1)
    if not nights:
        return Check("night", WARN, "no night has run yet: 'retention run', or wait for the first")
    last = nights[0]
    local = utc_now().astimezone(ZoneInfo(shop.settings.timezone))
    expected = shop.policies.alerts.expected_night(local)
    figures = {"last": last.as_of.isoformat(), "state": str(last.state),
               "expected": expected.isoformat()}  # fmt: skip
    if last.state in ("failed", "held"):
        return Check("night", FAIL, f"{last.as_of} is {last.state}: {last.why}", figures)
    if last.as_of < expected:
        return Check("night", FAIL, f"the last is {last.as_of}, {expected} should be done: see "
                     "the parts below, or 'retention run'", figures)  # fmt: skip
    return Check("night", OK, f"{last.as_of} is {last.state}", figures)


def _pages(shop: "Application") -> Check:
    """Customers answer on pages where there is an address for them, by mail otherwise."""
    if shop.settings.public_url is None:
        told = "no RETENTION_PUBLIC_URL: customers answer by mail; no List-Unsubscribe page"
        return Check("pages", WARN, told)
    return Check("pages", OK, f"customers' pages at {shop.settings.public_url}")


def _gateways(shop: "Application") -> Check:
    """Ask every gateway and receiver whether somebody listens; nothing is posted."""
    import httpx2

    places = {g.name: g.url for g in shop.gateways.values()} | {
        r.name: r.url for r in shop.receivers
    }
    silent = []
    for name, url in sorted(places.items()):
        try:
            httpx2.request("OPTIONS", url, timeout=5.0, follow_redirects=False)
        except (httpx2.HTTPError, OSError) as error:
            silent.append(f"{name} ({type(error).__name__})")
    if silent:
        return Check("gateways", FAIL, f"nobody answers at {', '.join(silent)}")
    return Check("gateways", OK, f"{len(places)} gateways and receivers answer")
