"""What a company's data lacks is said, with what that means."""

from retention.domain.people import Person, Role, Team
from retention.nights.gaps import gaps, strangers

EVERYTHING = {
    "customers": ["email", "account_manager", "country"],
    "invoices": ["direct_cost", "due_on"],
    "payments": ["paid_on"],
    "contracts": ["contract_id"],
    "tickets": ["handling_minutes", "complaint", "tags"],
}


def test_nothing_is_missing_where_everything_is_there() -> None:
    assert gaps(EVERYTHING, ()) == []


def test_what_is_missing_is_said_with_its_meaning() -> None:
    without = {"customers": ["email", "account_manager", "country"], "invoices": ["due_on"]}
    said = gaps(without, ())
    assert "no 'direct_cost' in invoices: profit is unknown for everybody" in said
    assert "no contracts: no offer can be computed, and no notice reckoned" in said
    assert any(line.startswith("no payments, and no 'open_amount'") for line in said)
    assert not any("payments" in line for line in gaps(without, ("payments",))), "only tonight"
    open_items = {**without, "invoices": ["due_on", "direct_cost", "open_amount"]}
    assert not any("payments" in line for line in gaps(open_items, ()))


def test_account_managers_whom_nobody_knows_are_named() -> None:
    ana = Person("ana", "Ana", "a@x.example", "1", frozenset({Role.ACCOUNT_MANAGER}), language="en")
    team = Team({"ana": ana}, "ana")
    managers = ["ana", "bo", "bo", None, *(f"p{n}" for n in range(6))]
    said = strangers(managers, team)
    assert (
        said[0] == "account manager 'bo' of 2 customers is not in team.yaml; ana looks after them"
    )
    assert said[-1] == "2 more account managers are not in team.yaml"
