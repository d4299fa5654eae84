"""Every template with every sample customer, as files to look at in a browser."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from retention.messages.letterheads import letterhead
from retention.messages.letters import make_pdf
from retention.messages.rendering import Rendered, render
from retention.messages.samples import PAGES_HOST, SAMPLES, Sample
from retention.messages.sender import Sender
from retention.messages.template_filters import Manner, long_date
from retention.messages.templates import Template, list_templates, load_template

_AT = datetime(2026, 11, 2, 6, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Exhibit:
    """One template in one language with one sample."""

    template: Template
    sample: Sample
    rendered: Rendered
    file: str
    pdf: str | None


def show(sender: Sender, purpose: str, language: str, sample_name: str) -> Rendered:
    """Return a template with a sample. Raises TemplateError."""
    template = load_template(sender.templates, purpose, language)
    sample = next((s for s in SAMPLES if s.name == sample_name), SAMPLES[0])
    return render(
        sender.templates, template, sample.values(pages=True), _manner(sender, template, sample)
    )


def write_gallery(sender: Sender, folder: Path) -> int:
    """Write the gallery to a folder; return how many messages it shows. Raises TemplateError."""
    folder.mkdir(parents=True, exist_ok=True)
    exhibits = [
        _exhibit(sender, folder, load_template(sender.templates, purpose, language), sample)
        for purpose, language in list_templates(sender.templates)
        for sample in SAMPLES
    ]
    page = Environment(
        loader=FileSystemLoader(sender.templates / "gallery"),
        undefined=StrictUndefined,
        autoescape=True,
    ).get_template("index.html")
    (folder / "index.html").write_text(page.render(exhibits=exhibits), "utf-8")
    return len(exhibits)


def _exhibit(sender: Sender, folder: Path, template: Template, sample: Sample) -> Exhibit:
    manner = _manner(sender, template, sample)
    values = sample.values(pages=True) | {"company": sender.company}
    made = render(sender.templates, template, values, manner)
    stem = f"{template.purpose}-{template.language}-{sample.name.replace(' ', '-')}"
    (folder / f"{stem}.html").write_text(made.html, "utf-8")
    (folder / f"{stem}.txt").write_text(f"Subject: {made.subject}\n\n{made.text}", "utf-8")
    pdf = None
    if template.front.pdf:
        pdf = f"{stem}.pdf"
        (folder / pdf).write_bytes(_letter(sender, sample, made, manner))
    return Exhibit(template, sample, made, stem, pdf)


def _letter(sender: Sender, sample: Sample, made: Rendered, manner: Manner) -> bytes:
    values: dict[str, Any] = sample.values()
    head = letterhead(
        sender,
        made.subject,
        (sample.customer, "Calle Mayor 1", "28013 Madrid"),
        reference=values["sender"]["reference"],
        customer_number=values["customer"]["number"],
        contract_number=values["customer"]["contracts"],
        signer=values["manager"]["name"],
        locale=manner.locale,
    )
    dated = replace(head, dated=long_date(_AT.date(), manner.locale))
    return make_pdf(sender.templates, dated, made.blocks, _AT, sender.brand.logo)


def _manner(sender: Sender, template: Template, sample: Sample) -> Manner:
    country = sample.country.get(template.language, "GB")
    locale = f"{template.language}_{country}"
    hosts = sender.own_hosts | {PAGES_HOST}
    return Manner(locale, sender.currency, hosts, sender.timezone, sender.brand)
