"""Somebody at the database itself: what they alter, delete or add is named by the audit."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.orm import Session

from retention.audit import verify as audit
from retention.db.chain import cover
from retention.db.models.audit import AuditEvent
from retention.db.models.every import Base
from retention.db.session import reading, writing
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
    yield made
    made.teardown()


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
