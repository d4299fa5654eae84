"""The pages that say no: why, what has changed, and what was typed, so that nothing is lost."""

from collections.abc import Iterable

from starlette.responses import Response

from retention.domain.errors import RetentionError
from retention.domain.people import Person, Role
from retention.web.refusal_words import told
from retention.web.visit import Visit

__all__ = ["Person", "not_for_you", "not_from_here", "refused"]

_NOT_SHOWN = frozenset({"csrf", "password", "old", "again", "token", "seen", "next", "back"})
_FORBIDDEN = 403


def not_for_you(visit: Visit, roles: Iterable[Role]) -> Response:
    """Say that a page is for other roles."""
    return visit.page(
        "refused.html", _FORBIDDEN, kind="roles", roles=sorted(roles), typed={}, back="/"
    )


def not_from_here(visit: Visit) -> Response:
    """Say that a form did not come from a page that this session was shown."""
    return visit.page(
        "refused.html", _FORBIDDEN, kind="token", roles=[], typed=_typed(visit), back=_back(visit)
    )


def refused(visit: Visit, error: RetentionError, status: int) -> Response:
    """Say what a service has refused, and keep what was typed."""
    found, remedy = told(visit.shop.settings.templates_dir, visit.words, error)
    return visit.page("refused.html", status, kind="service", roles=[], found=found,
                      remedy=remedy, typed=_typed(visit), back=_back(visit))  # fmt: skip


def _typed(visit: Visit) -> dict[str, str]:
    return {
        name: value
        for name, value in visit.form.multi_items()
        if name not in _NOT_SHOWN and isinstance(value, str) and value.strip()
    }


def _back(visit: Visit) -> str:
    """Return the page that the form stood on: the address of the deed without its last part."""
    from retention.web.answering import is_ours

    wanted = visit.typed("back")
    return (
        wanted if wanted and is_ours(wanted) else visit.request.url.path.rpartition("/")[0] or "/"
    )
