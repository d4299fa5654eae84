"""Column types: aware times, exact money, enums by value."""

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum as AnyEnum
from typing import Any

from sqlalchemy import BigInteger, DateTime, Enum
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

_CENTS = 100


class UtcDateTime(TypeDecorator[datetime]):
    """An aware moment, stored in UTC and returned aware. A naive one is refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store in UTC."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}: give it a time zone")
        in_utc = value.astimezone(UTC)
        return in_utc.replace(tzinfo=None) if dialect.name == "sqlite" else in_utc

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return aware, in UTC."""
        if value is None:
            return None
        moment: datetime = value
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


class Money(TypeDecorator[Decimal]):
    """An exact amount with two decimals, stored as integer cents."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: Decimal | None, dialect: Dialect) -> int | None:  # noqa: ARG002
        """Store cents. An amount with more than two decimals is refused."""
        if value is None:
            return None
        cents = value * _CENTS
        if cents != int(cents):
            raise ValueError(f"amount {value} has more than two decimals: round it first")
        return int(cents)

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Return a Decimal with two decimals."""
        return None if value is None else (Decimal(value) / _CENTS).quantize(Decimal("0.01"))


def by_value(enum: type[AnyEnum], name: str | None = None) -> Enum:
    """Return a column type that stores the enum's values, checked by the database.

    Of `enum.Enum` itself: the type that a column of any enum gets. `name` tells the check
    constraints of two columns of one table apart; it is the enum's own by default.
    """
    return Enum(
        enum,
        values_callable=lambda members: [member.value for member in members],
        native_enum=False,
        create_constraint=True,
        length=32,
        **({"name": name} if name else {}),
    )
