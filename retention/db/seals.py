"""What the chain says of rows: a hash of each that counts, in the transaction that changes it.

Rows that are changed as objects are seen by themselves; who changes many with one statement says
so with `touch`. Whoever alters, removes or adds a row past the program differs from the chain.
"""

from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, bindparam, event, inspect, select, tuple_
from sqlalchemy.orm import Session

from retention.db.canonical import canonical, sha256
from retention.db.models import every as m

ROWS = "audit.rows"
SILENT: dict[type[m.Base], frozenset[str]] = {
    m.Action: frozenset(),
    m.AgreedCall: frozenset(),
    m.ApiKey: frozenset(),
    m.Approval: frozenset(),
    m.Batch: frozenset(),
    m.Case: frozenset({"waiting_for"}),
    m.CaseEvent: frozenset(),
    m.Comment: frozenset(),
    m.CustomerLink: frozenset(),
    m.DeadAddress: frozenset(),
    m.Delegation: frozenset(),
    m.DeliveryAttempt: frozenset(),
    m.Exclusion: frozenset(),
    m.GateOverride: frozenset(),
    m.Handover: frozenset(),
    m.Holdout: frozenset(),
    m.InstalmentPlan: frozenset(),
    m.Message: frozenset({"lease_until", "waiting_for", "waiting_since", "not_before"}),
    m.Offer: frozenset(),
    m.Preference: frozenset(),
    m.Receipt: frozenset(),
    m.ReceivedEvent: frozenset(),
    m.Rendering: frozenset(),
    m.Run: frozenset({"lease_until", "flow_run_id"}),
    m.Submission: frozenset(),
    m.Switch: frozenset(),
    m.Viewing: frozenset(),
    m.Waiver: frozenset(),
}
"""The kinds of rows that count, each with the columns that may change without a word."""

LATER: dict[type[m.Base], dict[str, object]] = {
    m.AgreedCall: {"cancelled_at": None},
    m.Approval: {"withdrawn_at": None},
    m.Message: {"waited": 0},
    m.Offer: {"confirmed_on": None},
    m.Rendering: {"letter": None, "edits": None, "edited_at": None, "pages": None, "topic": None},
}
"""Columns that came when there were hashes, with what rows of before hold: that is not hashed."""

Key = tuple[Any, ...]
_TOUCHED = "retention_touched"
_MANY = 500
_PER_EVENT = 2000


def touch(session: Session, model: type[m.Base], keys: Iterable[Any]) -> None:
    """Say that rows were changed by one statement; `keys` are their primary keys."""
    touched = session.info.setdefault(_TOUCHED, {}).setdefault(model, set())
    touched.update(key if isinstance(key, tuple) else (key,) for key in keys)


def touch_all(session: Session) -> None:
    """Say it of every row that counts."""
    for model in SILENT:
        touch(session, model, map(tuple, session.execute(select(*_keys(model)))))


def is_touched(session: Session) -> bool:
    """Return whether a transaction has changed rows that count."""
    return any(session.info.get(_TOUCHED, {}).values())


def collect(session: Session) -> Iterator[list[list[str]]]:
    """Return table, key and hash of each touched row, in parts; a removed one has no hash."""
    touched: dict[type[m.Base], set[Key]] = session.info.pop(_TOUCHED, {})
    rows = [
        row
        for model in sorted(touched, key=lambda kind: kind.__tablename__)
        for row in _hashed(session, model, sorted(touched[model], key=str))
    ]
    return (rows[start : start + _PER_EVENT] for start in range(0, len(rows), _PER_EVENT))


def _hashed(session: Session, model: type[m.Base], keys: list[Key]) -> Iterator[list[str]]:
    for start in range(0, len(keys), _MANY):
        part = keys[start : start + _MANY]
        wanted = [key[0] for key in part] if len(_keys(model)) == 1 else part
        found = dict(
            _sealed(model, session.connection().execute(_by_keys(model), {"keys": wanted}))
        )
        for key in part:
            yield [model.__tablename__, key_text(key), found.get(key_text(key), "")]


def rows_of(session: Session, model: type[m.Base], query: Select[Any]) -> Iterator[tuple[str, str]]:
    """Return the key and the hash of each row of a query over `columns_of`."""
    return _sealed(model, session.execute(query.execution_options(yield_per=_MANY)))


def _sealed(model: type[m.Base], rows: Iterable[Row[Any]]) -> Iterator[tuple[str, str]]:
    names = [column.name for column in columns_of(model)]
    places = [names.index(column.name) for column in _keys(model)]
    later = LATER.get(model, {})
    for row in rows:
        said = dict(zip(names, row, strict=True))
        for name, before in later.items():
            if said[name] == before:
                del said[name]
        yield key_text(tuple(row[place] for place in places)), sha256(canonical(said))


@cache
def columns_of(model: type[m.Base]) -> list[ColumnElement[Any]]:
    """Return the columns of a kind that count."""
    return [c for c in model.__table__.columns if c.name not in SILENT[model]]


def key_text(key: Key) -> str:
    """Return a primary key as text."""
    return "/".join(map(str, key))


@cache
def _keys(model: type[m.Base]) -> list[ColumnElement[Any]]:
    return list(model.__table__.primary_key)


@cache
def _by_keys(model: type[m.Base]) -> Select[Any]:
    keys = _keys(model)
    key = keys[0] if len(keys) == 1 else tuple_(*keys)
    return select(*columns_of(model)).where(key.in_(bindparam("keys", expanding=True)))


def _see(session: Session, _: object) -> None:
    dirty = session.dirty  # it is made anew, from all there is, each time it is asked for
    for row in (*session.new, *dirty, *session.deleted):
        model = type(row)
        if model in SILENT and (row not in dirty or _says(row, SILENT[model])):
            touch(session, model, [tuple(inspect(model).primary_key_from_instance(row))])


def _says(row: object, silent: frozenset[str]) -> bool:
    state = inspect(row)
    return any(
        state.attrs[attribute.key].history.has_changes()
        for attribute in state.mapper.column_attrs
        if attribute.key not in silent
    )


event.listen(Session, "after_flush", _see)
