"""An instalment plan that a customer chooses: within what config allows."""

from datetime import date, timedelta
from decimal import Decimal

from retention.answers.respondent import Respondent
from retention.domain.instalments import Plan
from retention.domain.people import refuse
from retention.safeguards import instalments

_FIRST_WITHIN = timedelta(days=31)


def owed(who: Respondent) -> Decimal:
    """Return what is past its due date, by the newest night; nothing that is not known."""
    return max(who.row.get("overdue_amount") or Decimal(0), Decimal(0))


def possible_parts(who: Respondent) -> list[int]:
    """Return into how many parts the debt may be split: at least two, none of them too small."""
    rules, amount = who.policies.conversations, owed(who)
    return [n for n in range(2, rules.instalments + 1) if amount / n >= rules.least_part]


def first_days(who: Respondent) -> list[date]:
    """Return the days on which the first part may be paid: some workdays of the next month."""
    days_of = who.policies.calendars.of_company(who.today)
    found = [days_of.add_workdays(who.today, n) for n in (3, 7, 11, 15, 19)]
    return [day for day in dict.fromkeys(found) if day <= who.today + _FIRST_WITHIN]


def agree_on_plan(who: Respondent, parts: int, first_on: str) -> Plan:
    """Agree on a plan. Raises NotAllowedError for one that config does not allow."""
    if parts not in possible_parts(who):
        refuse("the plan", f"{parts} parts are not possible", "Choose one of those shown.")
    day = _day(first_on)
    if day not in first_days(who):
        refuse("the plan", "cannot begin on that day", "Choose one of those shown.")
    plan = Plan(owed(who), parts, day)
    instalments.agree(who.session, who.customer_id, who.action.id, plan, who.sender.currency,
                      who.today, who.now)  # fmt: skip
    return plan


def _day(text: str) -> date | None:
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None
