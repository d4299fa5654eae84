"""The last look at the company's data, just before something guarded leaves.

It is the whole look: every block of the night, on today's rows, for these customers, through the
features that a night is decided on. What counts is what the night did not know, whatever date it
carries. When a table would not pass the night's gates, nothing can be concluded, and all waits.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from retention.domain.dates import months_before
from retention.domain.errors import SourceError
from retention.domain.people import refuse
from retention.messages.mime import comparable
from retention.nights import turned
from retention.nights.pull import judged, open_for
from retention.policies.load import Policies
from retention.snapshots import store as snapshots
from retention.snapshots.customers import read_rows
from retention.snapshots.folders import Folders
from retention.sources.currencies import convert_currencies
from retention.sources.extract import Features, extract_features, open_amounts
from retention.sources.gate import find_too_old
from retention.sources.subset import count_complaints, forget_invoices_after, keep_only
from retention.sources.tables import Company
from retention.sources.winsorise import count_paid_marks, find_caps

UNREADABLE, IN_DOUBT = "company_data_unreadable", "company_data_in_doubt"
_TABLES = ("customers", "contracts", "invoices", "payments", "tickets", "cost_events")
_BLOCKS = {
    "vulnerable": "the customer is marked as vulnerable by now",
    "strategic": "the customer is marked as strategic by now",
    "open_complaint": "the customer has an open complaint",
    "disputed_amount": "an invoice is in dispute",
}
_PERSONAL = ("email", "address", "leaving_on")
_CENTS = 100


@dataclass(frozen=True, slots=True)
class Guarded:
    """A message that today's data may speak against: whose, written by which night, to whom.

    Against a `mild` one speaks only that the customer is gone, or has another address. One on
    `paper` has no recipient: its address is the one that the night knew. While a notice of ours
    `runs`, a contract that is cancelled by now may be what it has asked for.
    """

    message_id: str
    customer_id: str
    written_on: date
    recipient: str | None
    adverse: bool
    mild: bool = False
    paper: bool = False
    runs: bool = False


@dataclass(frozen=True, slots=True)
class Findings:
    """Why messages do not leave: `doubt` keeps all of them, `against` takes some back for good."""

    doubt: str | None = None
    against: dict[str, str] = field(default_factory=dict)


def look(
    policies: Policies,
    folders: Folders,
    guarded: Sequence[Guarded],
    history: list[dict[str, Any]],
    today: date,
) -> Findings:
    """Return what today's rows say against messages; `history` is what good nights have read."""
    try:
        company = open_for(policies, folders, _TABLES)
    except SourceError:
        return Findings(doubt=UNREADABLE)
    try:
        doubt = _doubt(company, policies, folders, history, today)
        if doubt is not None:
            return Findings(doubt=doubt)
        convert_currencies(company, policies.costs.currency, policies.costs.rates(), today)
        if any(message.adverse for message in guarded):  # only they ask for the profit
            find_caps(company, policies.costs.winsorise, today)
        count_paid_marks(company)
        keep_only(company, {message.customer_id for message in guarded})
        return Findings(against=_against(company, policies, folders, guarded, today))
    finally:
        company.close()


def _doubt(
    company: Company,
    policies: Policies,
    folders: Folders,
    history: list[dict[str, Any]],
    today: date,
) -> str | None:
    """Judge the tables as on the newest night, against it: since then rows may only have come.

    What a person has accepted for that night is among its figures. How old a table may be is asked
    for yesterday: that night may have been days ago.
    """
    if not history:
        return "no_good_night"
    as_of = date.fromisoformat(history[0]["as_of"])
    _, trips = judged(company, policies, folders, as_of, history, before=as_of)
    found = [(trip.table, trip.found) for trip in trips if trip.table in _TABLES]
    yesterday = today - timedelta(days=1)
    too_old = find_too_old(company, yesterday, policies.calendars.of_company(yesterday))
    first = next(iter(found), too_old)
    return f"{IN_DOUBT}: {first[0]}: {first[1]}" if first else None


def _against(
    company: Company,
    policies: Policies,
    folders: Folders,
    guarded: Sequence[Guarded],
    today: date,
) -> dict[str, str]:
    made = extract_features(company, today)
    present = _by_customer(made)
    owed = {customer: _cents(row["open_amount"]) for customer, row in present.items()}
    if any(message.adverse for message in guarded):
        turned.add_profit(present, made, policies.costs, company.mapped)
    found: dict[str, str] = {}
    for written_on in sorted({message.written_on for message in guarded}, reverse=True):
        if forget_invoices_after(company, written_on):
            owed = open_amounts(company, today)
        complaints = count_complaints(company, months_before(written_on, 12))
        theirs = [message for message in guarded if message.written_on == written_on]
        known = _known(folders, written_on, {message.customer_id for message in theirs})
        for message in theirs:
            customer = message.customer_id
            reason = _reason(
                message, present.get(customer), owed.get(customer, 0), known.get(customer),
                complaints.get(customer, 0), policies.sources.means_gone,
            )  # fmt: skip
            if reason is not None:
                found[message.message_id] = reason
    return found


def _by_customer(made: Features) -> dict[str, dict[str, Any]]:
    rows = {row["customer_id"]: row for row in made.wide.to_pylist()}
    for person in made.people.to_pylist():
        rows[person["customer_id"]] |= {name: person[name] for name in _PERSONAL}
    return rows


def _known(
    folders: Folders, written_on: date, customers: Collection[str]
) -> dict[str, dict[str, Any]]:
    """Return what the night that wrote messages knew, or the one before they were written."""
    night = snapshots.latest_before(folders.snapshots, written_on + timedelta(days=1))
    return read_rows(folders.snapshots, night, customers) if night else {}


def _reason(
    message: Guarded,
    present: Mapping[str, Any] | None,
    owed: int,
    known: Mapping[str, Any] | None,
    complaints: int,
    gone: Collection[str],
) -> str | None:
    if present is None or known is None:
        return "the customer is not in the data"
    blocks = {} if message.mild else _BLOCKS
    said = [reason for name, reason in blocks.items() if present[name]]
    if present["contract_ended_on"] is not None or present["status"] in gone:
        said.append("the customer has left")
    elif present["leaving_on"] is not None and not (message.mild or message.runs):
        said.append("the customer has cancelled")
    if not message.mild and complaints > (known["complaints_12m"] or 0):
        said.append("the customer has complained since")
    if _has_moved(message, present, known):
        said.append("the customer has another address by now")
    if message.adverse and owed < _cents(known["open_amount"]):
        said.append("something was paid or credited since")
    if message.adverse:
        said += turned.since(present, known)
    return "; ".join(said) or None


def _has_moved(message: Guarded, present: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    if message.paper:
        return _lines(present["address"]) != _lines(known.get("address"))
    return message.recipient is not None and _differs(message.recipient, present["email"])


def _lines(address: str | None) -> list[str]:
    return (address or "").split()


def _differs(recipient: str, email: str | None) -> bool:
    return email is None or comparable(email) != recipient.casefold()


def _cents(amount: int | Decimal | None) -> int:
    """Features are in cents, scores in the currency."""
    return int(amount * _CENTS) if isinstance(amount, Decimal) else amount or 0


def refuse_letter(
    policies: Policies,
    folders: Folders,
    letter: Guarded,
    history: list[dict[str, Any]],
    today: date,
) -> None:
    """Look once more before a letter is printed. Raises NotAllowedError."""
    found = look(policies, folders, [letter], history, today)
    reason = found.doubt or found.against.get(letter.message_id)
    if reason is not None:
        subject = f"action {letter.message_id[:8]}"
        refuse(subject, f"it may not be posted: {reason}", "The next night looks at it again.")
