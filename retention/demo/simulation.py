"""Play the demo company: two years of history, then month by month with treatments."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pyarrow as pa

from retention.demo.archetypes import GOOD, RESPONSE
from retention.demo.months import Tables, month_of, simulate_month
from retention.demo.population import (
    CHUNK,
    HISTORY_MONTHS,
    MANAGERS,
    PLANS,
    Customers,
    created_on,
    make_customers,
)
from retention.domain.dates import months_before
from retention.domain.stages import Stage


@dataclass(slots=True)
class Simulation:
    """A company in time. `start` is the first day of its first month.

    In a company that does not respond nothing that is done to a customer changes anything: what a
    measurement finds there is chance.
    """

    seed: int
    size: int
    start: date
    chunks: list[Customers] = field(default_factory=list)
    months_done: int = 0
    responds: bool = True

    @property
    def through(self) -> date:
        """First day that has not been simulated yet."""
        return month_of(self.start, self.months_done).first


def new_simulation(seed: int, size: int, until: date) -> Simulation:
    """Return a company whose two years of history end with the month before `until`'s month."""
    start = months_before(until.replace(day=1), HISTORY_MONTHS)
    return Simulation(seed, size, start)


def history(simulation: Simulation) -> Iterator[tuple[str, Tables]]:
    """Draw the customers and yield their tables, chunk by chunk and month by month.

    Each pair is a part name and the tables of that part; memory stays at one chunk and month.
    """
    for first in range(0, simulation.size, CHUNK):
        count = min(CHUNK, simulation.size - first)
        customers = make_customers(simulation.seed, first, count)
        simulation.chunks.append(customers)
        yield f"{first:08d}", reference_tables(customers, simulation)
        for number in range(HISTORY_MONTHS):
            month = month_of(simulation.start, number)
            yield f"{month.first:%Y-%m}-{first:08d}", simulate_month(customers, month)
    simulation.months_done = HISTORY_MONTHS


def next_month(simulation: Simulation) -> Iterator[tuple[str, Tables]]:
    """Simulate one more month of every chunk."""
    month = month_of(simulation.start, simulation.months_done)
    for customers in simulation.chunks:
        yield f"{month.first:%Y-%m}-{customers.first:08d}", simulate_month(customers, month)
    simulation.months_done += 1
    for customers in simulation.chunks:
        yield f"{customers.first:08d}", {"contracts": _contracts(customers, simulation)}


def treat(simulation: Simulation, treated: Iterable[tuple[str, Stage]]) -> list[str]:
    """Let customers respond to delivered stages; return the ids of those who turned.

    A response is drawn once per customer and stage, from the seed, so that playing the same story
    again gives the same answers. It shows from the next simulated month on.
    """
    turned = []
    for customer_id, stage in sorted(treated):
        number = int(customer_id[1:])
        customers = simulation.chunks[number // CHUNK]
        row = number - customers.first
        chance = RESPONSE.get((str(customers.archetype[row]), stage), 0.0) * simulation.responds
        draw = np.random.default_rng([simulation.seed, number, 3, list(Stage).index(stage)])
        if draw.random() < chance:
            _turn_good(customers, row)
            customers.prepaid[row] |= stage is Stage.MIGRATE
            turned.append(customer_id)
    return turned


def end_contracts(simulation: Simulation, customer_ids: Iterable[str]) -> None:
    """End the contracts of customers who were terminated, from the next simulated month on."""
    if not simulation.responds:
        return
    for customer_id in customer_ids:
        number = int(customer_id[1:])
        customers = simulation.chunks[number // CHUNK]
        row = number - customers.first
        customers.cancel_month[row] = min(customers.cancel_month[row], simulation.months_done)


def change_contract(simulation: Simulation, customer_id: str, fee: float, *, prepaid: bool) -> None:
    """Let the company's own books show what a customer has agreed on, from the next month on."""
    number = int(customer_id[1:])
    customers = simulation.chunks[number // CHUNK]
    row = number - customers.first
    customers.fee[row] = fee
    customers.prepaid[row] |= prepaid


def _turn_good(customers: Customers, row: int) -> None:
    for trait, values in customers.traits.items():
        values[row] = getattr(GOOD, trait)
    customers.settling[row] = customers.arrears[row]
    customers.fading[row] = False
    customers.cancel_month[row] = 999


def reference_tables(customers: Customers, simulation: Simulation) -> Tables:
    """Return the tables that describe rather than happen: customers, contacts, contracts."""
    ids = customers.ids
    managers = np.array(MANAGERS)[np.where(customers.language == "es", 0, 1)]
    mail = pa.array([f"{i.lower()}@customers.example" for i in ids], mask=customers.no_email)
    until = month_of(simulation.start, HISTORY_MONTHS).first
    return {
        "customers": pa.table(
            {
                "customer_id": ids,
                "name": customers.name,
                "email": mail,
                "language": customers.language.tolist(),
                "country": customers.country.tolist(),
                "timezone": customers.timezones(),
                "kind": np.where(customers.business, "b2b", "b2c").tolist(),
                "account_manager": managers.tolist(),
                "strategic": customers.strategic,
                "vulnerable": customers.vulnerable,
                "status": ["active"] * len(ids),
                "acquired_through": customers.channel.tolist(),
                "created_on": created_on(customers, until),
                "currency": ["EUR"] * len(ids),
            }
        ),
        "contacts": pa.table(
            {
                "customer_id": ids,
                "email": mail,
                "name": customers.name,
                "role": ["decision_maker"] * len(ids),
                "language": customers.language.tolist(),
            }
        ),
        "contracts": _contracts(customers, simulation),
    }


def _contracts(customers: Customers, simulation: Simulation) -> pa.Table:
    started = created_on(customers, month_of(simulation.start, HISTORY_MONTHS).first)
    gone = customers.cancel_month <= simulation.months_done
    left = [
        month_of(simulation.start, int(number)).first if over else None
        for number, over in zip(customers.cancel_month, gone, strict=True)
    ]
    running = pa.table(
        {
            "contract_id": [f"K{i[1:]}" for i in customers.ids],
            "customer_id": customers.ids,
            "started_on": started,
            "plan": np.array(PLANS)[customers.plan].tolist(),
            "monthly_fee": pa.array(customers.fee).cast(pa.decimal128(12, 2), safe=False),
            "notice_days": np.where(customers.business, 60, 30),
            "billing": np.where(customers.prepaid, "prepaid", "postpaid").tolist(),
            "cancelled_on": pa.array(left, pa.date32()),
        }
    )
    return pa.concat_tables([running, _replaced(customers, simulation, running)])


def _replaced(customers: Customers, simulation: Simulation, running: pa.Table) -> pa.Table:
    """Return the old contracts of those who moved to another plan some months ago."""
    rows = np.flatnonzero(customers.switched)
    moved_on = month_of(simulation.start, HISTORY_MONTHS - 4).first
    plans = np.array(PLANS)[(customers.plan[rows] + 1) % len(PLANS)]
    old = running.take(pa.array(rows))
    numbers = pa.array([f"{k}-1" for k in old.column("contract_id").to_pylist()], pa.string())
    old = old.set_column(0, "contract_id", numbers)
    old = old.set_column(
        old.column_names.index("plan"), "plan", pa.array(plans.tolist(), pa.string())
    )
    ended = pa.array([moved_on] * len(rows), pa.date32())
    return old.set_column(old.column_names.index("cancelled_on"), "cancelled_on", ended)


def truth(simulation: Simulation) -> pa.Table:
    """Return the ground truth: each customer's archetype. Never part of the company's data."""
    ids = [i for customers in simulation.chunks for i in customers.ids]
    kinds = [str(a) for customers in simulation.chunks for a in customers.archetype]
    return pa.table({"customer_id": ids, "archetype": kinds})
