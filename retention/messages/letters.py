"""A message as a letter: a tagged PDF with the same words, made by Typst.

What the letter says is handed over as data, so that nothing in it can be taken for markup.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import typst
from markdown_it.token import Token

from retention.domain.brand import USUAL_BRAND
from retention.domain.errors import TemplateError
from retention.messages.markdown import is_button

_LISTS = {"bullet_list_open": "bullets", "ordered_list_open": "numbers"}
LAYOUT = Path("pdf") / "letter.typ"
# How a letter is answered, where a mail has buttons: in words, by e-mail.
_ANSWER = {
    "en": "by e-mail to {}, with our reference",
    "es": "por correo a {}, con nuestra referencia",
}
_SHEET = {
    "en": ("Date", "Customer number", "Contract", "Our reference", "Tax number"),
    "es": ("Fecha", "N.º de cliente", "Contrato", "Nuestra referencia", "NIF"),
}
Fill = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Letterhead:
    """What stands around the words of a letter. `address` are the lines of the recipient.

    Above the name of its `signer` there is room to sign; `logo` is the name of a file.
    """

    company: str
    title: str
    address: tuple[str, ...]
    dated: str
    reference: str
    footer: str
    locale: str
    customer_number: str = ""
    contract_number: str = ""
    signer: str = ""
    tax_id: str = ""
    colour: str = USUAL_BRAND.colour
    logo: str = ""


def make_pdf(
    templates: Path,
    head: Letterhead,
    blocks: Sequence[dict[str, Any]],
    written_at: datetime,
    logo: Path | None = None,
) -> bytes:
    """Return the letter as PDF/UA-1: the same input gives the same bytes.

    `logo` is the file that the head names; a letter whose logo has gone shows the company's name.

    Raises TemplateError when it cannot be set.
    """
    language = head.locale.partition("_")[0]
    data = {**asdict(head), "language": language, "blocks": list(blocks)}
    data |= _words(language) | {"logo": _picture(logo, head.logo)}
    try:
        made = typst.compile(
            templates / LAYOUT,
            root=templates / "pdf",
            ignore_system_fonts=True,
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            pdf_standards=["ua-1"],
            timestamp=int(written_at.timestamp()),
        )
    except typst.TypstError as error:
        raise TemplateError("pdf/letter.typ", error.message, "Correct the layout.") from error
    return bytes(made)


def _words(language: str) -> dict[str, str]:
    """The few words of the sheet itself."""
    return dict(zip(("says_date", "says_customer", "says_contract", "says_reference", "says_tax"),
                    _SHEET.get(language, _SHEET["en"]), strict=True))  # fmt: skip


def _picture(logo: Path | None, name: str) -> dict[str, Any] | None:
    if logo is None or not name:
        return None
    return {"kind": logo.suffix[1:], "bytes": list(logo.read_bytes())}


def to_blocks(tokens: Sequence[Token], fill: Fill, language: str) -> list[dict[str, Any]]:
    """Return the blocks of a message as plain data; `fill` puts values in place."""
    blocks: list[dict[str, Any]] = []
    lists: list[dict[str, Any]] = []
    for position, token in enumerate(tokens):
        if token.type in _LISTS:
            lists.append({"kind": _LISTS[token.type], "items": []})
        elif token.type.endswith("_list_close"):
            blocks.append(lists.pop())
        elif token.type == "inline":
            runs = _runs(token.children or [], fill)
            opener = tokens[position - 1]
            if lists:
                lists[-1]["items"].append(runs)
            elif opener.type == "heading_open":
                blocks.append({"kind": "heading", "level": int(opener.tag[1:]), "runs": runs})
            else:
                _add_paragraph(blocks, runs, token, _ANSWER.get(language, _ANSWER["en"]))
    return blocks


def _add_paragraph(
    blocks: list[dict[str, Any]], runs: list[dict[str, Any]], token: Token, answer: str
) -> None:
    """Buttons that lead to one address are one sentence on paper."""
    label, colon, address = runs[0].get("text", "").partition(": ") if runs else ("", "", "")
    if not (is_button(token) and colon):
        blocks.append({"kind": "paragraph", "runs": runs})
        return
    before = blocks[-1] if blocks else {}
    goes_on = before.get("address") == address
    labels = f"{before['labels']} / {label}" if goes_on else label
    told = {"labels": labels, "runs": [{**runs[0], "text": _by_mail(labels, answer, address)}]}
    if goes_on:
        before |= told
    else:
        blocks.append({"kind": "paragraph", "address": address, **told})


def _by_mail(labels: str, answer: str, address: str) -> str:
    return f"{labels}: {answer.format(address)}."


def _typed(label: str, target: str) -> str:
    """Nothing can be touched on paper: an address is written out, a number stands as it is."""
    address = target.removeprefix("mailto:").partition("?")[0]
    if target.startswith("tel:") or address.casefold() == label.casefold():
        return label
    return f"{label}: {address}"


def _runs(children: Sequence[Token], fill: Fill) -> list[dict[str, Any]]:
    runs: list[dict[str, Any]] = []
    strong, em, target, label_from = 0, 0, None, 0
    for child in children:
        if child.type in ("strong_open", "strong_close"):
            strong += child.nesting
        elif child.type in ("em_open", "em_close"):
            em += child.nesting
        elif child.type == "link_open":
            target, label_from = fill(str(child.attrGet("href"))), len(runs)
        elif child.type == "link_close":
            label = "".join(run.get("text", "") for run in runs[label_from:])
            del runs[label_from:]
            text = _typed(label, target or "")
            runs.append({"kind": "text", "text": text, "strong": strong > 0, "em": em > 0})
        elif child.type == "hardbreak":
            runs.append({"kind": "break"})
        else:
            text = " " if child.type == "softbreak" else fill(child.content)
            runs.append({"kind": "text", "text": text, "strong": strong > 0, "em": em > 0})
    return runs
