"""Customers as they really are, to look at templates with: long names, accents, odd amounts."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal

from retention.messages.rendering import Plain
from retention.messages.template_filters import Bill

Values = dict[str, dict[str, Plain] | Plain]


@dataclass(frozen=True, slots=True)
class Sample:
    """One customer: how they write, and what is known of them."""

    name: str
    customer: str
    country: dict[str, str]
    phone: str = "+34 910 000 101"
    overdue: Decimal = Decimal(0)
    new_fee: Decimal = Decimal("110.45")
    topic: str = "billing"
    tickets: int = 3
    usage_fell: bool = False
    said: str = "accept"
    notes: tuple[str, ...] = field(default=())

    def values(self, *, pages: bool = False) -> Values:
        """Return everything a template may ask for; with `pages` where customers answer on them."""
        page: dict[str, Plain] = dict.fromkeys(_PAGES, _PAGE if pages else "")
        asked: Values = {"page": page}
        return asked | self._people() | self._facts() | self._for_the_team() | self._receipt()

    def _people(self) -> Values:
        """Who writes, who reads, and who can be asked."""
        return {
            "company": "Example Company",
            "customer": {
                "name": self.customer,
                "number": "C-10045",
                "kind": "b2b",
                "phone": "+34 600 000 102" if self.phone else "",
                "email": "ana.pena@clientes.example",
                "contracts": "K-2231",
            },
            "manager": {
                "name": "Marta Ruiz",
                "email": "marta.ruiz@example.com",
                "phone": self.phone,
            },
            "sender": {
                "reply_to": "marta.ruiz@example.com",
                "reference": "0EBB5216",
                "tax_id": "ESB00000000",
                "opt_out": "replies@example.com",
                "unsubscribe": "mailto:replies@example.com?subject=unsubscribe",
                "postal_address": "Example Company, Calle Mayor 1, 28013 Madrid",
            },
            "partner": {
                "name": "Norte Servicios",
                "email": "altas@norte.example",
                "phone": "+34 910 000 201",
            },
        }

    def _facts(self) -> Values:
        """What is known of them, what they are offered, and how it ends."""
        return {
            "facts": {
                "overdue_amount": self.overdue,
                "overdue_since": date(2026, 9, 14) if self.overdue else "",
                "bills": self._bills(),
                "more_bills": 2 if self.overdue > _LARGE else 0,
                "more_amount": Decimal("61.30"),
                "instalments": 3,
                "instalment": (self.overdue / 3).quantize(Decimal("0.01")),
                "tickets_12m": self.tickets,
                "top_topic": self.topic,
                "usage_fell": self.usage_fell,
            },
            "offer": {
                "current_fee": Decimal("89.00"),
                "new_fee": self.new_fee,
                "expires_on": date(2026, 12, 30),
                "starts_on": date(2027, 1, 1),
                "detail": "",
            },
            "notice": {
                "days": 30,
                "effective_on": date(2027, 2, 1),
                "contest_by": date(2027, 1, 31),
                "alternative": "Norte Servicios",
                "alternative_contact": "+34\u00a0910\u00a0000\u00a0201",
                "fees": "no" if self.tickets >= _MANY else "yes",
                "fee_amount": "49,00 EUR",
                "open_amount": max(self.overdue, Decimal(0)),
                "given_on": date(2026, 11, 2),
                "talked_on": date(2026, 10, 22),
                "informed_on": date(2026, 6, 3),
                "proposed_on": date(2026, 8, 20) if self.said != "counter" else "",
                "offered_on": date(2026, 10, 5),
            },
        }

    def _bills(self) -> tuple[Bill, ...]:
        """Their open bills, which come to what is overdue."""
        if self.overdue <= 0:
            return ()
        first = (self.overdue / 3).quantize(Decimal("0.01"))
        return (
            Bill("2026-00112", date(2026, 9, 14), first),
            Bill("2026-00154", date(2026, 10, 14), self.overdue - first),
        )

    def _for_the_team(self) -> Values:
        """What only colleagues are told."""
        return {
            "console": "",
            "digest": {
                "person": "marta",
                "open": self.tickets,
                "due_today": 1,
                "replies": self.tickets // 10,
                "escalated": 2,
                "expired": 0,
                "unknown": int(self.usage_fell),
                "stands_in_for": "James Carter" if self.said == "counter" else "",
                "mail_stopped": int(self.said == "ask"),
            },
            "began": self._troubles(began=True),
            "over": self._troubles(began=False),
        }

    def _receipt(self) -> Values:
        """What the customer has answered on a page."""
        return {
            "receipt": {
                "said": self.said,
                "new_fee": self.new_fee,
                "at": datetime(2026, 12, 3, 9, 30, tzinfo=UTC),
                "until": date(2026, 12, 30),
                "starts_on": date(2027, 1, 1),
                "answer_by": date(2026, 12, 4),
                "prepaid": self.said == "accept" and self.tickets >= _MANY,
                "parts": 3,
                "part": Decimal("41.50"),
                "amount": Decimal("124.50"),
                "first_on": date(2026, 12, 15),
                "phone": "",
            },
        }

    def _troubles(self, *, began: bool) -> dict[str, Plain]:
        """What ops are told: all that may be wrong to some, one thing or its end to others."""
        kinds = "night_failed night_held night_late delivery_stopped delivery_silent round_failed"
        said: dict[str, Plain] = dict.fromkeys(f"{kinds} queue_old webhooks_given_up".split(), "")
        if began and self.usage_fell:
            said = dict.fromkeys(said, f"2026-10-31: {self.customer}: does not answer")
        elif began != (self.said == "ask"):
            said["night_held"] = "2026-10-31: payments: 40 % fewer rows than usual"
        return said | {"any": sum(bool(text) for text in said.values())}


_MANY, _LARGE = 40, 1_000_000
PAGES_HOST = "answers.example.com"
_PAGES = ("answer", "preferences", "choose")
_PAGE = f"https://{PAGES_HOST}/c/offer/{'a' * 52}"
_EUROPE = {"en": "GB", "es": "ES"}

SAMPLES: tuple[Sample, ...] = (
    Sample("short", "Ana Peña", _EUROPE),
    Sample(
        "long",
        "Sociedad Anónima de Distribución y Almacenamiento Frigorífico " + "Ñandú " * 30,
        _EUROPE,
        overdue=Decimal("1234.50"),
        new_fee=Decimal("84.55"),
        said="decline",
    ),
    Sample("no phone", "Müller & Söhne GmbH", _EUROPE, phone="", topic="how_to", tickets=40,
           said="counter"),
    Sample("huge", "Łódź Œuvre ApS", _EUROPE, overdue=Decimal("123456789.99"),
           new_fee=Decimal("9876543.21"), tickets=40, said="call"),
    Sample("negative", "O'Brien <b>&amp;</b>", _EUROPE, overdue=Decimal("-20.00"),
           new_fee=Decimal("-1.00"), usage_fell=True, said="ask"),
    Sample("elsewhere", "José Ángel Nuño", {"en": "MX", "es": "MX"}),
)  # fmt: skip
