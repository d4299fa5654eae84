"""One self-contained page: charts as SVG, their figures as tables, nothing from elsewhere."""

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from retention.domain.brand import Brand
from retention.reports.charts import Chart
from retention.reports.figures import ReportData
from retention.reports.week_told import WeekLines
from retention.reports.words import Words

_EXPLAINED = ("tiers", "archetypes", "fit")


def render_page(
    templates: Path,
    data: ReportData,
    charts: list[Chart],
    company: str,
    words: Words,
    week: WeekLines | None,
    brand: Brand,
) -> str:
    """Return the page as HTML. Everything but the charts is escaped."""
    environment = Environment(
        loader=FileSystemLoader(templates / "report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    pictures = [
        (chart, Markup(chart.svg), Markup(chart.narrow))  # noqa: S704 - drawn by matplotlib
        for chart in charts
    ]
    return environment.get_template("page.html").render(
        language=words.language,
        title=words.say("title", "report", company=company),
        as_of=words.say(
            "as_of", "report", customers=words.number(data.customers), as_of=words.day(data.as_of)
        ),
        figures=words.say("data", "report"),
        charts=pictures,
        about={key: words.say(f"about_{key}", "report") for key in _EXPLAINED},
        week=week,
        brand=brand,
        logo=_as_url(brand.logo) if brand.logo else "",
        noticed_title=words.say("noticed", "report"),
        noticed=[_noticed(found, words) for found in data.noticed],
    )


def _as_url(logo: Path) -> str:
    """The page comes alone, so its logo comes in it."""
    kind = "svg+xml" if logo.suffix == ".svg" else "png"
    return f"data:image/{kind};base64,{base64.b64encode(logo.read_bytes()).decode()}"


def _noticed(found: Mapping[str, Any], words: Words) -> str:
    """Say what was noticed in a column of the data, and in how many rows."""
    return words.say(
        f"noticed_{found['kind']}",
        "report",
        table=found["table"],
        column=found["column"],
        target=found["target"],
        count=words.number(found["count"]),
        of=words.number(found["of"]),
    )
