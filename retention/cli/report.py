"""`retention report`: one self-contained page about which customers, and why."""

from pathlib import Path
from typing import Annotated

import typer

from retention.terminal import AsJson, AsOf, emit, make_console, parse_day

Out = Annotated[
    Path | None, typer.Option(help="The file to write; by default in the state folder.")
]
Language = Annotated[str, typer.Option("--language", help="en or es.")]


def report(
    as_of: AsOf = None, out: Out = None, language: Language = "en", *, as_json: AsJson = False
) -> None:
    """Write the report of the newest night: charts, each with its sentence and its figures."""
    from retention.bootstrap import get_application
    from retention.clock import business_date
    from retention.db import schema
    from retention.db.session import reading
    from retention.reports.gather import make_report
    from retention.reports.week_told import look_back

    shop = get_application()
    day = parse_day(as_of) or business_date(shop.settings.timezone)
    with make_console(stderr=True).status("Drawing ..."):
        told = None
        if schema.prepare(shop.engine):
            with reading(shop.engine) as session:
                told = look_back(session, day, shop.settings.timezone)
        company, brand = shop.settings.company_name, shop.policies.brand
        made = make_report(shop.folders, day, company, language, told, brand)
    target = out or shop.settings.state_dir / "reports" / f"report-{made.as_of}.{language}.html"
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(made.html, encoding="utf-8")
    if as_json:
        emit({"report": {"as_of": made.as_of.isoformat(), "file": str(target),
                         "titles": list(made.titles)}})  # fmt: skip
        return
    for title in made.titles:
        make_console().print(f"- {title}", markup=False, soft_wrap=True)
    make_console().print(f"Written to {target}", markup=False, soft_wrap=True)
