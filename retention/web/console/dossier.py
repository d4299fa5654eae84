"""The dossier of a termination, as a page and as a PDF."""

from typing import Any

from markdown_it.token import Token
from starlette.responses import Response

from retention.messages.letters import Letterhead, make_pdf, to_blocks
from retention.messages.markdown import parse
from retention.messages.template_filters import long_date
from retention.reports.dossier import Dossier, dossier_of
from retention.snapshots.customers import read_rows
from retention.web.console.item import seen_action
from retention.web.console.words import word_of
from retention.web.visit import Visit

_MARKS = str.maketrans({c: f"\\{c}" for c in "\\`*_{}[]()<>#+-.!|~"})


def show_dossier(visit: Visit) -> Response:
    """Show what a termination rests on."""
    found, row = _gather(visit)
    known = visit.people.rows([found.action.customer_id]).get(found.action.customer_id, {})
    return visit.page("dossier.html", dossier=found, row=row, known=known,
                      team=visit.shop.policies.team.people)  # fmt: skip


def dossier_pdf(visit: Visit) -> Response:
    """Return the dossier as a tagged PDF, in the reader's language."""
    found, row = _gather(visit)
    words, shop = visit.words, visit.shop
    name = str(row.get("name") or found.action.customer_id)
    head = Letterhead(
        company=shop.settings.company_name,
        title=words.say("Dossier of a termination: {name}", name=name),
        address=(words.say("For internal use"), name, found.action.customer_id),
        dated=long_date(visit.actor.on, str(words.locale)),
        reference=found.action.id[:8].upper(),
        footer=shop.settings.company_name,
        locale=str(words.locale),
        customer_number=found.action.customer_id,
        signer="",
        colour=shop.policies.brand.colour,
    )
    tokens: list[Token] = list(parse(_markdown(visit, found)))
    data = make_pdf(
        shop.settings.templates_dir, head, to_blocks(tokens, str, words.language), visit.now
    )
    disposition = f'inline; filename="dossier-{found.action.id[:8]}.pdf"'
    return Response(data, media_type="application/pdf",
                    headers={"Content-Disposition": disposition})  # fmt: skip


def _gather(visit: Visit) -> tuple[Dossier, dict[str, Any]]:
    action = seen_action(visit)
    row: dict[str, Any] = {}
    if visit.people.as_of is not None:
        root = visit.shop.folders.snapshots
        row = read_rows(root, visit.people.as_of, [action.customer_id]).get(action.customer_id, {})
    return dossier_of(visit.session, action, row, visit.shop.policies.notices), row


def _markdown(visit: Visit, found: Dossier) -> str:
    words = visit.words
    known = visit.people.rows([found.action.customer_id]).get(found.action.customer_id, {})
    name = str(known.get("name") or found.action.customer_id)
    lines = [f"# {_safe(words.say('Dossier of a termination: {name}', name=name))}"]

    def title(text: str) -> None:
        lines.extend(["", f"## {_safe(words.say(text))}", ""])

    title("What was tried")
    for tried in found.tried:
        day = words.day(tried.on, year=True)
        what = f"{word_of(words, tried.stage)}, {word_of(words, tried.what)}"
        lines.append(f"- {_safe(f'{day}: {what}: {word_of(words, tried.result)}')}")
    for stage in found.never:
        nothing = words.say("{stage}: nothing was delivered", stage=word_of(words, stage))
        lines.append(f"- {_safe(nothing)}")
    title("The conversation")
    if found.talked_on is None:
        lines.append(_safe(words.say("No conversation is logged.")))
    for name, text in found.talk.items():
        lines.append(f"- {_safe(f'{name}: {text}')}")
    title("The notice")
    ends = words.day(found.action.effective_on, year=True)
    lines.append(_safe(words.say("The contract would end on {day}.", day=ends)))
    lines.append("")
    lines += [f"- {_safe(f'{r.rule_id}: {r.days} d, {r.months} m; {r.source}')}"
              for r in found.rules]  # fmt: skip
    title("Signatures")
    for one in found.action.approvals:
        if one.approved and one.withdrawn_at is None:
            at = words.moment(one.decided_at, year=True)
            lines.append(f"- {_safe(f'{one.person_id}, {word_of(words, one.role)}, {at}')}")
    return "\n".join(lines)


def _safe(text: str) -> str:
    """Return a text in which nothing is Markdown, whatever somebody has typed."""
    return " ".join(text.translate(_MARKS).split())
