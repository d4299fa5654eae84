"""The interface for other systems: events come in with a key, each counts once.

FastAPI checks what is sent and describes it; its page loads nothing from anybody else.
"""

import logging
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any

from fastapi import Depends, FastAPI, Header, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse

from retention.clock import utc_now
from retention.db.models.customer_pages import ApiKey
from retention.db.session import reading, writing
from retention.domain.errors import NotAllowedError
from retention.events import api_keys
from retention.events.kinds import Event, Taken
from retention.events.take_effect_of import take
from retention.snapshots.customers import read_rows
from retention.web.customer.guest import answer, words_in

if TYPE_CHECKING:
    from retention.web.workshop import Workshop

_BEARER = "Bearer "
_LOG = logging.getLogger("retention.web")


class _NoKeyError(Exception):
    """Nobody that we know."""


def make_api(workshop: "Workshop") -> FastAPI:
    """Return the interface, to be mounted at `/api`."""
    api = FastAPI(
        title="retention", version="1", docs_url=None, redoc_url=None,
        description="What has happened between two nights, so that nothing wrong leaves meanwhile.",
    )  # fmt: skip

    def system(authorization: Annotated[str, Header()] = "") -> ApiKey:
        key = authorization.removeprefix(_BEARER).strip()
        with reading(workshop.application.engine) as session:
            found = api_keys.find(session, key)
        if found is None:
            raise _NoKeyError
        return found

    @api.post("/events", summary="Tell what has happened", response_model=Taken)
    def take_event(event: Event, key: Annotated[ApiKey, Depends(system)]) -> Any:
        """Take one event in. The same `id` twice is one event, whoever sends it again."""
        if key.kinds is not None and event.type not in key.kinds:
            return JSONResponse({"error": "this key may not tell that"}, HTTPStatus.FORBIDDEN)
        try:
            return _taken(workshop, key.name, event)
        except NotAllowedError as error:
            return JSONResponse({"error": f"{error.found}. {error.remedy}"}, HTTPStatus.CONFLICT)
        except Exception as error:  # noqa: BLE001 - what it says may name a customer
            _LOG.error("POST /api/events: %s", type(error).__name__)
            return JSONResponse(
                {"error": "something broke; send it again"}, HTTPStatus.INTERNAL_SERVER_ERROR
            )

    @api.get("/", include_in_schema=False)
    def page(request: Request) -> HTMLResponse:
        shop = workshop.current(utc_now())
        language = request.headers.get("accept-language", "en")[:2].lower()
        words = words_in(shop, language, shop.settings.timezone, None)
        schemas = api.openapi()["components"]["schemas"]
        shown = [_shape(name, schemas[name]) for name in sorted(schemas) if "type" in
                 schemas[name].get("properties", {})]  # fmt: skip
        return answer(shop, words, "api.html", shapes=shown, guest=None, other=None)  # type: ignore[return-value]

    @api.exception_handler(_NoKeyError)
    async def no_key(_: Request, __: Exception) -> JSONResponse:
        return JSONResponse(
            {"error": "no key that works; send 'Authorization: Bearer KEY'"},
            HTTPStatus.UNAUTHORIZED,
            {"WWW-Authenticate": "Bearer"},
        )

    @api.exception_handler(RequestValidationError)
    async def wrong(_: Request, error: Exception) -> JSONResponse:
        """Say which field is wrong, never what was in it."""
        found = error.errors() if isinstance(error, RequestValidationError) else []
        said = [{"field": _field(e), "what": e["type"]} for e in found]
        return JSONResponse({"error": "this is no event", "fields": said},
                            HTTPStatus.UNPROCESSABLE_ENTITY)  # fmt: skip

    return api


def _taken(workshop: "Workshop", source: str, event: Any) -> Taken:
    now = utc_now()
    shop = workshop.current(now)
    with writing(shop.engine) as session:
        night = shop.folders.newest()
        strange = not read_rows(shop.folders.snapshots, night, [event.customer_id])
        row, known = take(session, source, event, now, shop.settings.timezone,
                          shop.policies.event_hold, strange=strange)  # fmt: skip
        return Taken(id=row.id, known=known, effect=row.effect)


def _field(error: Any) -> str:
    """Name a field of ours; what else was sent has no name."""
    if error["type"] == "extra_forbidden":
        return "a field that is none"
    return ".".join(str(part) for part in error["loc"] if str(part).isidentifier())[:120]


def _shape(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    fields = schema["properties"]
    needed = set(schema.get("required", ()))
    kind = fields["type"].get("const", name)
    return {
        "type": kind,
        "says": " ".join(str(schema.get("description", "")).split()),
        "fields": [(field, field in needed) for field in fields if field != "type"],
    }
