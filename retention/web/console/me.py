"""My settings: language, colours, keys; where I am signed in; my password; my views."""

from urllib.parse import parse_qsl, urlencode

from starlette.responses import RedirectResponse, Response

from retention.domain.people import refuse
from retention.people import accounts, passwords, saved_views, web_sessions
from retention.web.answering import cookie_name
from retention.web.visit import SEE_OTHER, Visit
from retention.web.wording import LANGUAGES


def show_me(visit: Visit) -> Response:
    """Show a person's own settings."""
    own = visit.person.person_id
    return visit.page(
        "me.html",
        sessions=web_sessions.list_of(visit.session, own, visit.now),
        views=[v for v in saved_views.list_for(visit.session, own) if v.person_id == own],
        languages=LANGUAGES,
        schemes=accounts.SCHEMES,
        shortest=passwords.SHORTEST,
        done=visit.asked("done"),
    )


def save_me(visit: Visit) -> Response:
    """Keep how a person likes the console."""
    language = visit.typed("language")
    accounts.prefer(
        visit.session,
        visit.person.person_id,
        language=language if language in LANGUAGES else None,
        scheme=visit.typed("scheme", "system"),
        keys=visit.typed("keys") == "yes",
    )
    return visit.go("/me?done=saved")


def change_password(visit: Visit) -> Response:
    """Change one's password; the old one is asked again, and other sessions end."""
    host = visit.request.client.host if visit.request.client else ""
    visitor = accounts.Visitor(host, known=True)
    old = visit.typed("old")
    if not accounts.require_own(visit.session, visit.person, old, visitor, visit.now):
        return visit.go("/me?done=wrong")  # kept: the wrong one is counted
    if visit.typed("password") != visit.typed("again"):
        refuse("the password", "was not typed twice alike", "Type it again.")
    accounts.set_password(visit.session, visit.person, visit.typed("password"), visit.now)
    for other in web_sessions.list_of(visit.session, visit.person.person_id, visit.now):
        if other.token_hash != visit.signed_in.token_hash:
            visit.session.delete(other)
    return visit.go("/me?done=password")


def end_session(visit: Visit) -> Response:
    """Sign another browser of one's own out."""
    web_sessions.end(visit.session, visit.typed("token"), visit.person.person_id, visit.now)
    return visit.go("/me")


def sign_out(visit: Visit) -> Response:
    """Sign this browser out."""
    web_sessions.end(visit.session, visit.signed_in.token_hash, visit.person.person_id, visit.now)
    response = RedirectResponse("/sign-in", SEE_OTHER)
    secure = visit.shop.settings.console_url is not None
    response.delete_cookie(cookie_name(secure=secure), secure=secure, httponly=True)
    response.headers["Clear-Site-Data"] = '"cache"'
    return response


def save_view(visit: Visit) -> Response:
    """Keep a view of the queue under a name."""
    asked = parse_qsl(visit.typed("query"))
    query = urlencode([(name, value) for name, value in asked if name != "q"])
    saved_views.save(visit.session, visit.person.person_id, visit.typed("name"), query,
                     shared=visit.typed("shared") == "yes")  # fmt: skip
    return visit.go(f"/queue?{query}")


def remove_view(visit: Visit) -> Response:
    """Remove one of one's views."""
    saved_views.remove(visit.session, visit.person.person_id, int(visit.request.path_params["id"]))
    return visit.go("/me")
