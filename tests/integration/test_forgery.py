"""Somebody at the database itself: what they alter, delete or add is named by the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import (
    JSON,
    Boolean,
    Connection,
    Date,
    Enum,
    Integer,
    String,
    inspect,
    select,
    text,
)
from sqlalchemy.orm import Session
from sqlalchemy.sql.elements import KeyedColumnElement

from retention.audit import verify as audit
from retention.db import seals
from retention.db.chain import cover
from retention.db.models.audit import AuditEvent
from retention.db.models.every import Base
from retention.db.session import reading, writing
from retention.db.types import Money, UtcDateTime
from retention.domain.exclusions import ExclusionKind, ExclusionReason
from retention.safeguards import exclusions
from tests.factories.worlds import LONGEST, World

ALTERED = {
    "action": "owner = 'olga'",
    "approval": "person_id = 'olga'",
    "case": "stage_entered_on = '2025-01-01'",
    "case_event": "reason = 'because'",
    "delivery_attempt": "reply = 'never'",
    "exclusion": "ends_on = '2031-01-01'",
    "message": "send_until = '2031-01-01'",
    "offer": "new_fee = 100",
    "receipt": "reason = 'because'",
    "rendering": "subject = 'Something else'",
    "run": "summary = '{}'",
    "viewing": "shown_at = '2025-01-01 00:00:00.000000'",
}
"""One row of each kind is altered so."""
OF_THEIR_OWN: dict[str, dict[str, Any]] = {
    "approval": {"id": 10**6},
    "case": {"id": "forged", "customer_id": "forged"},
    "case_event": {"number": 10**6},
    "delivery_attempt": {"number": 10**6},
    "exclusion": {"id": 10**6},
    "message": {"id": "forged", "action_id": "forged"},
    "offer": {"id": "forged", "action_id": "forged"},
    "rendering": {"action_id": "forged", "token": "forged", "message_id": "forged"},
    "run": {"id": 10**6, "business_date": "2031-01-01"},
    "viewing": {"person_id": "forged"},
}
"""What a forged row must have for itself, so that the database takes it."""
OTHERS = sorted(
    (kind for kind in seals.SILENT if kind.__tablename__ not in ALTERED),
    key=lambda kind: kind.__tablename__,
)
"""Kinds of which the world has no row by itself: one is made up."""
VALUES: dict[type, tuple[Any, str]] = {
    UtcDateTime: (datetime(2026, 1, 2, tzinfo=UTC), "'2031-01-01 00:00:00.000000'"),
    Money: (Decimal("7.00"), "8"),
    JSON: ({}, "'[1]'"),
    Boolean: (True, "0"),
    Date: (date(2026, 1, 2), "'2031-01-01'"),
    Integer: (7, "8"),
    String: ("made up", "'another'"),
}
"""What a made-up row holds in a column of a type, and another value for it, in SQL."""


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    """A customer at an offer that was sent, with a hold; every kind of row has one."""
    made = World()
    made.begin()
    for person in made.people[1:]:
        person.present = False
    for _ in range(12):
        made.night(5)
        made.everybody_does_their_work()
        made.post("sent")
    start = made.actor("marta").on
    wish = exclusions.Wish("C0", ExclusionKind.HOLD, ExclusionReason.DISPUTE, start,
                           start + timedelta(days=9))  # fmt: skip
    with writing(made.shop.engine) as session:
        marta = made.shop.policies.team.get("marta")
        exclusions.place(session, wish, marta, made.now, longest=LONGEST, owner="marta")
    for kind in OTHERS:
        with writing(made.shop.engine) as session:
            session.add(made_up(session, kind))
    yield made
    made.teardown()


def made_up(session: Session, kind: type[Base]) -> Base:
    """Return a row with a value in each column, that refers to rows that are there."""
    values: dict[str, Any] = {}
    for column in kind.__table__.columns:
        attribute = inspect(kind).get_property_by_column(column).key
        if column.foreign_keys:
            [reference] = column.foreign_keys
            values[attribute] = session.scalars(select(reference.column)).first()
        elif isinstance(column.type, Enum):
            values[attribute] = next(iter(column.type.enum_class or ()))
        else:
            values[attribute] = value_of(column)[0]
    return kind(**values)


def value_of(column: KeyedColumnElement[Any]) -> tuple[Any, str]:
    return next(two for kind, two in VALUES.items() if isinstance(column.type, kind))


def alterable(kind: type[Base]) -> tuple[str, str]:
    """Return a column that says something, and another value for it, in SQL."""
    for column in kind.__table__.columns:
        plain = not (column.primary_key or column.foreign_keys or isinstance(column.type, Enum))
        if plain and column.name not in seals.SILENT[kind]:
            return column.name, value_of(column)[1]
    raise AssertionError(kind)


@pytest.mark.parametrize("kind", OTHERS, ids=lambda kind: str(kind.__tablename__))
def test_every_other_kind_is_watched_too(world: World, kind: type[Base]) -> None:
    table = kind.__tablename__
    with at_the_database(world) as connection:
        name = name_of(table, first(connection, table))
        column, value = alterable(kind)
        connection.execute(text(f'UPDATE "{table}" SET "{column}" = {value}'))
        assert f"{name} was altered" in found_in(connection)
        row = first(connection, table)
        connection.execute(text(f'DELETE FROM "{table}"'))
        assert f"{name} was deleted" in found_in(connection)
        keys = [c.name for c in kind.__table__.primary_key if not isinstance(c.type, Enum)]
        forged = row | dict.fromkeys(keys, 10**6)
        listed, values = ", ".join(f'"{n}"' for n in forged), ", ".join(f":{n}" for n in forged)
        connection.execute(text(f'INSERT INTO "{table}" ({listed}) VALUES ({values})'), forged)
        assert f"{name_of(table, forged)} was added past the program" in found_in(connection)


@contextmanager
def at_the_database(world: World) -> Iterator[Connection]:
    """A connection past the program; what is done on it is undone."""
    with world.shop.engine.connect() as connection:
        raw: Any = connection.connection.driver_connection
        raw.execute("PRAGMA foreign_keys = OFF")
        yield connection
        connection.rollback()
        raw.execute("PRAGMA foreign_keys = ON")


def found_in(connection: Connection) -> list[str]:
    with Session(connection) as session:
        return [finding.what for finding in audit.verify(session, []).findings]


def first(connection: Connection, table: str) -> dict[str, Any]:
    row = connection.execute(text(f'SELECT * FROM "{table}" ORDER BY rowid LIMIT 1')).one()
    return dict(row._mapping)


def name_of(table: str, row: dict[str, Any]) -> str:
    keys = [key.name for key in Base.metadata.tables[table].primary_key]
    return f"{table} {'/'.join(str(row[key]) for key in keys)}"


def test_an_untouched_past_holds(world: World) -> None:
    with reading(world.shop.engine) as session:
        assert audit.verify(session, []).findings == ()


@pytest.mark.parametrize("table", ALTERED)
def test_what_was_altered_is_named(world: World, table: str) -> None:
    with at_the_database(world) as connection:
        name = name_of(table, first(connection, table))
        connection.execute(
            text(f'UPDATE "{table}" SET {ALTERED[table]} WHERE rowid = '
                 f'(SELECT min(rowid) FROM "{table}")')
        )  # fmt: skip
        assert f"{name} was altered" in found_in(connection)


@pytest.mark.parametrize("table", ALTERED)
def test_what_was_deleted_is_named(world: World, table: str) -> None:
    with at_the_database(world) as connection:
        name = name_of(table, first(connection, table))
        connection.execute(
            text(f'DELETE FROM "{table}" WHERE rowid = (SELECT min(rowid) FROM "{table}")')
        )
        assert f"{name} was deleted" in found_in(connection)


@pytest.mark.parametrize("table", ALTERED)
def test_what_was_forged_is_named(world: World, table: str) -> None:
    with at_the_database(world) as connection:
        forged = first(connection, table) | OF_THEIR_OWN.get(table, {"id": "forged"})
        names = ", ".join(f'"{name}"' for name in forged)
        values = ", ".join(f":{name}" for name in forged)
        connection.execute(text(f'INSERT INTO "{table}" ({names}) VALUES ({values})'), forged)
        assert f"{name_of(table, forged)} was added past the program" in found_in(connection)


def test_a_database_of_before_is_covered_once(world: World) -> None:
    """A chain that speaks of no rows yet speaks of all of them from its first upgrade on."""
    with at_the_database(world) as connection:
        of_rows = "SELECT number FROM audit_event WHERE kind = 'audit.rows'"
        connection.execute(text(f"DELETE FROM audit_record WHERE number IN ({of_rows})"))
        connection.execute(text("DELETE FROM audit_event WHERE kind = 'audit.rows'"))
        assert any("was added past the program" in what for what in found_in(connection))
        with Session(connection) as session:
            cover(session)
            session.flush()
            newest = session.query(AuditEvent).order_by(AuditEvent.number.desc()).first()
            assert newest is not None
            cover(session)
            assert session.query(AuditEvent).order_by(AuditEvent.number.desc()).first() is newest
        assert not any("past the program" in what for what in found_in(connection))
        connection.execute(text("UPDATE action SET owner = 'olga'"))
        assert any("was altered" in what for what in found_in(connection))
