"""What the charts of a customer show, as files to be kept."""

from starlette.responses import Response

from retention.web.console.csv import table_as_csv
from retention.web.console.customer import explained, nights_of, require_seen
from retention.web.console.item import waterfall
from retention.web.visit import Visit


def months_csv(visit: Visit) -> Response:
    """Return a customer's profit by month as CSV."""
    found = explained(visit, _seen(visit))
    names = ("month", "net_profit_low", "net_profit", "net_profit_high")
    return table_as_csv("months.csv", names, [[m[n] for n in names] for m in found["months"]])


def parts_csv(visit: Visit) -> Response:
    """Return what a customer's profit of a year is the sum of, as CSV."""
    scores = explained(visit, _seen(visit))["scores"]
    rows = [*waterfall(scores), ("net_profit_12m", scores["net_profit_12m"])]
    return table_as_csv("parts.csv", ("part", "amount"), rows)


def nights_csv(visit: Visit) -> Response:
    """Return a customer's profit of a year as each night saw it, as CSV."""
    return table_as_csv("nights.csv", ("night", "net_profit_12m"), nights_of(visit, _seen(visit)))


def _seen(visit: Visit) -> str:
    """Note the look; return the customer. Raises NotFoundError, and NotAllowedError."""
    customer_id = str(visit.request.path_params["id"])
    require_seen(visit, visit.owner_of(customer_id), customer_id)
    return customer_id
