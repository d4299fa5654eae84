"""The report flow: weekly, one page for the people who steer."""

from prefect import flow

from flows.parameters import WeeklyParameters
from retention.clock import business_date
from retention.settings import get_settings
from tasks.reporting import measure, write_report
from tasks.rounds import noting_round
from tasks.watch import telling_ops

DEFAULTS = WeeklyParameters()


@flow(name="report", timeout_seconds=3600)
def report(parameters: WeeklyParameters = DEFAULTS) -> str:
    """Write the report of the newest snapshot up to the date; return its file's name.

    Measures what the programme has done, and stops it when it drives others away.
    """
    as_of = parameters.as_of or business_date(get_settings().timezone)
    with telling_ops(), noting_round("report"):
        measure(as_of)
        return write_report(as_of)
