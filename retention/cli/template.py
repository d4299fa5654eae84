"""`retention template`: list, render, lint, and a gallery to look at."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from retention.terminal import AsJson, emit, make_console, print_table

if TYPE_CHECKING:
    from retention.bootstrap import Application

app = typer.Typer(help="What customers read: list, render, lint, gallery.",
                  no_args_is_help=True)  # fmt: skip


def _shop() -> "Application":
    from retention.bootstrap import get_application

    return get_application()


@app.command("list")
def list_(*, as_json: AsJson = False) -> None:
    """List the templates: languages, class, and the playbook steps that use them."""
    from retention.messages.templates import list_templates, load_template

    shop = _shop()
    root = shop.settings.templates_dir
    uses: dict[str, list[str]] = {}
    for book in shop.policies.playbooks.values():
        for rule in book.stages:
            for step in rule.steps:
                if step.template is not None:
                    uses.setdefault(step.template, []).append(f"{book.name}: {rule.stage}")
    languages: dict[str, list[str]] = {}
    for purpose, language in list_templates(root):
        languages.setdefault(purpose, []).append(language)
    rows = [
        {
            "template": purpose,
            "languages": have,
            "class": load_template(root, purpose, have[0]).front.message_class,
            "policy": load_template(root, purpose, have[0]).front.policy,
            "used_by": uses.get(purpose, []),
        }
        for purpose, have in languages.items()
    ]
    if as_json:
        emit({"templates": rows})
        return
    print_table(
        "Templates",
        ("template", "languages", "class", "policy", "used by"),
        [(r["template"], ", ".join(r["languages"]), r["class"], r["policy"],
          "; ".join(r["used_by"])) for r in rows],
    )  # fmt: skip


@app.command("render")
def render(
    purpose: Annotated[str, typer.Argument(help="The template, for example education.")],
    language: Annotated[str, typer.Option(help="en or es.")] = "en",
    sample: Annotated[str, typer.Option(help="A sample customer, for example long.")] = "short",
    *,
    html: Annotated[bool, typer.Option("--html", help="The HTML part instead of text.")] = False,
    as_json: AsJson = False,
) -> None:
    """Print a template as a sample customer would read it."""
    from retention.messages.gallery import show

    made = show(_shop().sender, purpose, language, sample)
    if as_json:
        emit({"subject": made.subject, "preheader": made.preheader, "text": made.text,
              "html": made.html})  # fmt: skip
    elif html:
        typer.echo(made.html)
    else:
        typer.echo(f"Subject: {made.subject}\n({made.preheader})\n\n{made.text}")


@app.command("lint")
def lint(*, as_json: AsJson = False) -> None:
    """Say what is wrong with the templates: missing values and languages, links, dates, class."""
    from retention.clock import utc_now
    from retention.domain.dates import date_in
    from retention.messages.lint import lint as lint_all

    shop = _shop()
    on = date_in(utc_now(), shop.settings.timezone)
    found = lint_all(shop.settings.templates_dir, on, shop.sender.own_hosts)
    if as_json:
        emit({"findings": [{"template": f.template, "what": f.what} for f in found]})
    elif found:
        print_table("Wrong", ("template", "what"), [(f.template, f.what) for f in found])
    else:
        make_console().print("Nothing is wrong with the templates.")
    if found:
        raise typer.Exit(1)


@app.command("gallery")
def gallery(
    out: Annotated[Path, typer.Option(help="The folder to write to.")] = Path("var/gallery"),
    *,
    as_json: AsJson = False,
) -> None:
    """Write every template with every sample customer as pages to look at."""
    from retention.messages.gallery import write_gallery

    count = write_gallery(_shop().sender, out)
    if as_json:
        emit({"messages": count, "page": str(out / "index.html")})
    else:
        make_console().print(f"{count} messages; open {out / 'index.html'}.", soft_wrap=True)
