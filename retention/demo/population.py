"""The demo company: who its customers are, and what truly drives each of them.

Everything is drawn from one seed, in chunks of customers, so that a company of any size is the
same on every machine and needs no more memory than one chunk.
"""

from dataclasses import dataclass
from datetime import date

import numpy as np
import numpy.typing as npt

from retention.demo.archetypes import (
    ARCHETYPES,
    CHANNEL_SHARES,
    CHANNELS,
    SWITCHED_SHARE,
    Behaviour,
)

CHUNK = 50_000
HISTORY_MONTHS = 24
FADING_FROM = HISTORY_MONTHS - 2

_FIRST = {
    "es": tuple("Lucía Mateo Sofía Hugo Martín Inés Íñigo Nuria Óscar Begoña Raúl".split()),
    "en": tuple("Olivia Noah Amelia George Isla Arthur Freya Oscar Zoë Liam Owen".split()),
}
_LAST = {
    "es": tuple("García Muñoz Peña Ibáñez Núñez Ortega Vázquez Castaño Roldán Soler".split()),
    "en": tuple("Smith O'Neill Jones Taylor Brown Walker Hughes Baker Price Doyle".split()),
}
_FIRM = {
    "es": ["Talleres {}", "Hermanos {} S.L.", "Distribuciones {}", "{} e Hijos", "Clínica {}"],
    "en": ["{} & Sons Ltd", "{} Logistics", "The {} Partnership", "{} Dental", "{} Foods"],
}
_COUNTRY = {"es": ("ES", "ES", "ES", "MX"), "en": ("GB", "GB", "IE", "US")}
_TIMEZONE = {
    "ES": "Europe/Madrid",
    "MX": "America/Mexico_City",
    "GB": "Europe/London",
    "IE": "Europe/Dublin",
    "US": "America/New_York",
}
MANAGERS = ("marta", "james")
PLANS = ("basic", "standard", "premium")
_PLAN_FEE = np.array([39.0, 89.0, 189.0])

Array = npt.NDArray[np.float64]


@dataclass(slots=True)
class Customers:
    """One chunk of customers: attributes, and the behaviour that is in force now.

    `traits` holds one float array per field of Behaviour; responses overwrite entries of it.
    `arrears` is what was never paid; `settling` is the part of it that is paid next month.
    `cancel_month` is the month in which a customer who keeps fading leaves.
    """

    first: int
    seed: int
    archetype: npt.NDArray[np.str_]
    language: npt.NDArray[np.str_]
    business: npt.NDArray[np.bool_]
    country: npt.NDArray[np.str_]
    name: list[str]
    fee: Array
    plan: npt.NDArray[np.int64]
    created_days: npt.NDArray[np.int64]
    vulnerable: npt.NDArray[np.bool_]
    strategic: npt.NDArray[np.bool_]
    no_email: npt.NDArray[np.bool_]
    fading: npt.NDArray[np.bool_]
    traits: dict[str, Array]
    cancel_month: npt.NDArray[np.int64]
    arrears: Array
    settling: Array
    channel: npt.NDArray[np.str_]
    switched: npt.NDArray[np.bool_]
    prepaid: npt.NDArray[np.bool_]

    @property
    def ids(self) -> list[str]:
        """The customer ids of this chunk."""
        return [f"C{self.first + n:07d}" for n in range(len(self.name))]

    def timezones(self) -> list[str]:
        """Return the IANA time zone of each customer."""
        return [_TIMEZONE[country] for country in self.country]


def make_customers(seed: int, first: int, count: int) -> Customers:
    """Draw `count` customers, numbered from `first`."""
    rng = np.random.default_rng([seed, first, 1])
    names = list(ARCHETYPES)
    shares = np.array([share for share, _ in ARCHETYPES.values()])
    archetype = rng.choice(names, size=count, p=shares / shares.sum())
    language = np.where(rng.random(count) < 0.6, "es", "en")
    business = rng.random(count) < 0.45
    plan = rng.choice(3, size=count, p=[0.5, 0.35, 0.15])
    fee = np.round(
        _PLAN_FEE[plan] * np.where(business, 2.4, 1.0) * rng.uniform(0.85, 1.2, count), 2
    )
    return Customers(
        first=first,
        seed=seed,
        archetype=archetype,
        language=language,
        business=business,
        country=_countries(rng, language),
        name=_names(rng, language, business),
        fee=fee,
        plan=plan,
        created_days=rng.integers(760, 2500, count),
        vulnerable=(rng.random(count) < 0.01) & ~business,
        strategic=(rng.random(count) < 0.02) & business,
        no_email=rng.random(count) < 0.01,
        fading=archetype == "leaving",
        traits=_traits(archetype),
        cancel_month=np.where(archetype == "leaving", FADING_FROM + rng.integers(4, 8, count), 999),
        arrears=np.zeros(count),
        settling=np.zeros(count),
        channel=_channels(np.random.default_rng([seed, first, 4]), archetype),
        switched=np.random.default_rng([seed, first, 5]).random(count) < SWITCHED_SHARE,
        prepaid=np.zeros(count, dtype=bool),
    )


def _countries(rng: np.random.Generator, language: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    pick = rng.integers(0, 4, len(language))
    spanish, english = np.array(_COUNTRY["es"])[pick], np.array(_COUNTRY["en"])[pick]
    return np.where(language == "es", spanish, english)


def _channels(rng: np.random.Generator, archetype: npt.NDArray[np.str_]) -> npt.NDArray[np.str_]:
    draw = rng.random(len(archetype))
    picked = np.zeros(len(archetype), dtype=np.int64)
    for name in ARCHETYPES:
        edges = np.cumsum(CHANNEL_SHARES.get(name, CHANNEL_SHARES["good"]))
        mine = archetype == name
        picked[mine] = np.searchsorted(edges[:-1], draw[mine])
    return np.array(CHANNELS)[picked]


def _names(
    rng: np.random.Generator, language: npt.NDArray[np.str_], business: npt.NDArray[np.bool_]
) -> list[str]:
    picks = rng.integers(0, 1 << 30, (len(language), 3))
    return [
        _name(str(lang), bool(firm), pick)
        for lang, firm, pick in zip(language, business, picks.tolist(), strict=True)
    ]


def _name(language: str, business: bool, pick: list[int]) -> str:
    last = _LAST[language][pick[0] % len(_LAST[language])]
    if business:
        return _FIRM[language][pick[1] % len(_FIRM[language])].format(last)
    return f"{_FIRST[language][pick[1] % len(_FIRST[language])]} {last}"


def _traits(archetype: npt.NDArray[np.str_]) -> dict[str, Array]:
    traits = {}
    for trait in Behaviour.__dataclass_fields__:
        values = np.empty(len(archetype))
        for name, (_, behaviour) in ARCHETYPES.items():
            values[archetype == name] = getattr(behaviour, trait)
        traits[trait] = values
    return traits


def created_on(customers: Customers, until: date) -> list[date]:
    """Return each customer's first day; all lie before the two years that are simulated."""
    return [date.fromordinal(until.toordinal() - int(days)) for days in customers.created_days]
