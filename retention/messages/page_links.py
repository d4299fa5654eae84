"""Which pages a message leads to, and where a template finds their addresses."""

from urllib.parse import quote

from retention.db.models.work.actions import Action
from retention.domain.actions import ActionKind
from retention.domain.customer_pages import PagePurpose
from retention.domain.messages import MessageClass
from retention.messages.customer_links import place_of as token_place
from retention.messages.rendering import Plain
from retention.messages.sender import Sender
from retention.messages.templates import Template
from retention.messages.tokens import tagged


def page_values(template: Template, sender: Sender, pages: list[str]) -> dict[str, Plain]:
    """Return what a template may say of pages: their addresses, empty where there is none."""
    return {
        "answer": address_of_page(sender, template.front.page, pages),
        "preferences": address_of_page(sender, PagePurpose.PREFERENCES, pages),
        "choose": _choose(sender, template, pages),
    }


def pages_of(action: Action, template: Template, sender: Sender) -> list[str]:
    """Which links a message gets when it leaves: nothing on paper can be touched."""
    if sender.public_url is None or action.kind is ActionKind.LETTER:
        return []
    found = [str(template.front.page)] if template.front.page else []
    legal = template.customer_class is MessageClass.LEGAL_NOTICE
    return found if legal else [*found, str(PagePurpose.PREFERENCES)]


def _choose(sender: Sender, template: Template, pages: list[str]) -> str:
    """Where a message that nobody can decline says what else can be: others say it themselves."""
    declinable = template.customer_class is MessageClass.COMMERCIAL
    return "" if declinable else address_of_page(sender, PagePurpose.PREFERENCES, pages)


def address_of_page(sender: Sender, purpose: PagePurpose | None, pages: list[str]) -> str:
    """Return where a page will be, with a place for its token; nothing without one."""
    if purpose is None or purpose not in pages:
        return ""
    return f"{(sender.public_url or '').rstrip('/')}/c/{purpose}/{token_place(purpose)}"


def ways_out(action: Action, template: Template, sender: Sender, token: str) -> tuple[str, ...]:
    """How to stop what can be declined: by a page and by mail, where something answers them.

    Without a mailbox that is read there is no header: what stands in it must work.
    """
    ways = []
    page = address_of_page(sender, PagePurpose.PREFERENCES, pages_of(action, template, sender))
    if page:
        ways.append(page)
    if sender.replies_to:
        box = quote(tagged(sender.replies_to, token), safe="@+")
        ways.append(f"mailto:{box}?subject=unsubscribe")
    return tuple(ways)
