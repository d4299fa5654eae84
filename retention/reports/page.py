"""One self-contained page: charts as SVG, their figures as tables, nothing from elsewhere."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from retention.reports.charts import Chart
from retention.reports.figures import ReportData
from retention.reports.words import Words


def render_page(
    templates: Path, data: ReportData, charts: list[Chart], company: str, words: Words
) -> str:
    """Return the page as HTML. Everything but the charts is escaped."""
    environment = Environment(
        loader=FileSystemLoader(templates / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [(chart, Markup(chart.svg)) for chart in charts]  # noqa: S704 - drawn by matplotlib
    return environment.get_template("page.html").render(
        language=words.language,
        title=words.say("title", "report", company=company),
        as_of=words.say(
            "as_of", "report", customers=words.number(data.customers), as_of=words.day(data.as_of)
        ),
        figures=words.say("data", "report"),
        charts=pictures,
    )
