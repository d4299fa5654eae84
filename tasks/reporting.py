"""The step of the report flow."""

from datetime import date
from typing import Any

from prefect.artifacts import create_image_artifact, create_markdown_artifact

from retention.bootstrap import get_application
from retention.clock import utc_now
from retention.db import schema
from retention.db.session import reading, writing
from retention.reports import gather as reporting
from retention.reports.programme_effect import measure_programme
from retention.reports.spillover import stop_above_limit
from retention.reports.week_told import look_back
from retention.snapshots import store as snapshots
from tasks.steps import step


@step(task_run_name="report-{as_of}", timeout_seconds=3600)
def write_report(as_of: date) -> str:
    """Write the report in both languages; leave its main sentences in English as an artifact."""
    shop = get_application()
    folder = shop.settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    told = None
    if schema.prepare(shop.engine):
        with reading(shop.engine) as session:
            told = look_back(session, as_of, shop.settings.timezone)
    company, brand = shop.settings.company_name, shop.policies.brand
    for language in ("es", "en"):
        made = reporting.make_report(shop.folders, as_of, company, language, told, brand)
        target = folder / f"report-{made.as_of}.{language}.html"
        target.write_text(made.html, encoding="utf-8")
    sentences = "\n".join(f"- {title}" for title in made.titles)
    create_markdown_artifact(key="report-summary", markdown=f"# {made.as_of}\n\n{sentences}\n")
    create_image_artifact(key="report-whale-curve", image_url=made.picture)
    return target.name


@step(task_run_name="measure-{as_of}", timeout_seconds=3600)
def measure(as_of: date) -> bool:
    """Measure what the programme does to others; stop it above the limit. True when stopped now."""
    shop = get_application()
    days = [day for day in snapshots.dates(shop.folders.snapshots) if day <= as_of]
    if not days or not schema.prepare(shop.engine):
        return False
    with writing(shop.engine) as session:
        found = measure_programme(session, shop.folders.snapshots, days[-1])
        stopped = stop_above_limit(session, found["others"], shop.policies.spillover, utc_now())
    create_markdown_artifact(key="measured", markdown=_sentences(found, stopped=stopped))
    return stopped


def _sentences(found: dict[str, Any], *, stopped: bool) -> str:
    lines = [f"# Measured on {found['as_of']}", ""]
    for name, playbook in found["playbooks"].items():
        profit = playbook["effect"]["profit"]["difference"]
        said = "too few to say"
        if profit["value"] is not None:
            said = f"{profit['value']:,.0f} ({profit['low']:,.0f} to {profit['high']:,.0f})"
        lines.append(f"- {name}: effect on yearly profit {said}, {playbook['treated']} treated, "
                     f"{playbook['held_out']} untreated.")  # fmt: skip
    if stopped:
        lines.append("- **The ladder has stopped by itself**: tied customers leave more.")
    return "\n".join(lines)
