"""Values for templates: one ordinary customer, and the odd ones."""

from datetime import date
from decimal import Decimal
from typing import Any

LONG_NAME = "Sociedad Anónima de Distribución y Almacenamiento " + "Ñ" * 200
EVERY_CASE: list[dict[str, Any]] = [
    {},
    {"overdue": Decimal("1234.50")},
    {"topic": "how_to", "tickets": 40},
    {"topic": "billing", "tickets": 40},
    {"fell": True},
]


def make_values(
    name: str = "Ana Peña",
    overdue: Decimal = Decimal(0),
    topic: str = "billing",
    tickets: int = 3,
    *,
    fell: bool = False,
) -> Any:
    """What a template may ask for."""
    return {
        "company": "Example Company",
        "customer": {"name": name, "kind": "b2c"},
        "manager": {
            "name": "Marta Ruiz",
            "email": "marta.ruiz@example.com",
            "phone": "+34 910 000 101",
        },
        "facts": {
            "overdue_amount": overdue,
            "tickets_12m": tickets,
            "top_topic": topic,
            "usage_fell": fell,
        },
        "offer": {
            "current_fee": Decimal("89.00"),
            "new_fee": Decimal("110.45"),
            "expires_on": date(2026, 12, 30),
        },
        "notice": {
            "days": 30,
            "effective_on": date(2027, 2, 1),
            "alternative": "Norte Servicios",
            "fees": "yes",
        },
    }
