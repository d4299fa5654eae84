"""Values for templates: one ordinary customer, and the odd ones."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

from retention.messages.samples import SAMPLES

LONG_NAME = "Sociedad Anónima de Distribución y Almacenamiento " + "Ñ" * 200
EVERY_CASE: list[dict[str, Any]] = [
    {},
    {"overdue": Decimal("1234.50"), "new_fee": Decimal("84.55"), "said": "decline"},
    {"topic": "how_to", "tickets": 40, "said": "counter"},
    {"topic": "billing", "tickets": 40, "said": "call"},
    {"usage_fell": True, "said": "ask"},
]


def make_values(name: str = "Ana Peña", **facts: Any) -> Any:
    """What a template may ask for."""
    return replace(SAMPLES[0], customer=name, **facts).values()
