"""Writing the free parts of a message anew, with the difference in words beside it."""

import difflib

from markupsafe import Markup, escape
from starlette.responses import Response

from retention.actions import drafts, message_edit
from retention.messages.content_hash import content_of
from retention.web.console.item import seen_action
from retention.web.console.queue import Asked
from retention.web.visit import Visit


def show_edit(visit: Visit) -> Response:
    """Show the free parts of a message to be written anew; what is locked stands around them."""
    action = seen_action(visit)
    shop = visit.shop
    parts = message_edit.parts_of_message(
        visit.session, action, visit.actor, shop.sender, shop.folders
    )
    draft = drafts.of(visit.session, action.id, visit.person.person_id).get("edit", {})
    typed = {name: draft.get(f"part.{name}", text) for name, text in parts.items()}
    return visit.page(
        "edit.html",
        asked=Asked.of(visit),
        action=action,
        seen=content_of(action),
        parts=parts,
        typed=typed,
        diffs={name: diff_of_words(text, typed[name]) for name, text in parts.items()},
        changed=typed != parts,
    )


def preview_edit(visit: Visit) -> Response:
    """Keep what was typed as a draft, and show how it differs."""
    action = seen_action(visit)
    typed = {n: str(v) for n, v in visit.form.multi_items() if n.startswith("part.")}
    drafts.save(visit.session, action.id, visit.person.person_id, "edit", typed, visit.now)
    visit.session.flush()
    return visit.go(f"/queue/{action.id}/edit?{Asked.of(visit).query()}")


def diff_of_words(before: str, after: str) -> Markup:
    """Return a text with what is new and what is gone marked, word by word."""
    one, other = before.split(), after.split()
    parts: list[Markup] = []
    for kind, a, b, c, d in difflib.SequenceMatcher(a=one, b=other, autojunk=False).get_opcodes():
        if kind in ("delete", "replace"):
            parts.append(Markup("<del>{}</del>").format(" ".join(one[a:b])))
        if kind in ("insert", "replace"):
            parts.append(Markup("<ins>{}</ins>").format(" ".join(other[c:d])))
        if kind == "equal":
            parts.append(escape(" ".join(one[a:b])))
    return Markup(" ").join(parts)
