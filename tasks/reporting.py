"""The step of the report flow."""

from datetime import date

from prefect import task
from prefect.artifacts import create_image_artifact, create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from retention.services import reporting
from retention.workshop import get_workshop


@task(task_run_name="report-{as_of}", timeout_seconds=3600, cache_policy=NO_CACHE)
def write_report(as_of: date) -> str:
    """Write the report in both languages; leave its main sentences in English as an artifact."""
    shop = get_workshop()
    folder = shop.settings.state_dir / "reports"
    folder.mkdir(parents=True, exist_ok=True)
    for language in ("es", "en"):
        made = reporting.make_report(shop.places, as_of, shop.settings.company_name, language)
        target = folder / f"report-{made.as_of}.{language}.html"
        target.write_text(made.html, encoding="utf-8")
    sentences = "\n".join(f"- {title}" for title in made.titles)
    create_markdown_artifact(key="report-summary", markdown=f"# {made.as_of}\n\n{sentences}\n")
    create_image_artifact(key="report-whale-curve", image_url=made.picture)
    return target.name
