"""The company's own look: its colour and its logo, for pages behind the sign-in and before it."""

from starlette.requests import Request
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from retention.clock import utc_now
from retention.web.workshop import Workshop

_KINDS = {".png": "image/png", ".svg": "image/svg+xml"}
_KEPT = {"Cache-Control": "no-cache"}
# The console's paper is a little darker than the white on which a brand's colour was checked.
_SHEET = """:root {{
  --accent: light-dark(color-mix(in srgb, {light} 92%, black), {dark});
  --soft: light-dark(
    color-mix(in srgb, {light} 11%, white), color-mix(in srgb, {dark} 20%, #11100e)
  );
}}
"""


def routes(workshop: Workshop) -> list[BaseRoute]:
    """Return where the look is found; anybody may read it."""

    def colours(_: Request) -> Response:
        brand = workshop.current(utc_now()).policies.brand
        sheet = _SHEET.format(light=brand.colour, dark=brand.dark_colour)
        return Response(sheet, media_type="text/css", headers=_KEPT)

    def logo(_: Request) -> Response:
        path = workshop.current(utc_now()).policies.brand.logo
        if path is None or not path.is_file():
            return PlainTextResponse("there is no logo", 404)
        return FileResponse(path, media_type=_KINDS[path.suffix], headers=_KEPT)

    return [
        Route("/look/brand.css", colours, methods=["GET"], name="GET /look/brand.css"),
        Route("/look/logo", logo, methods=["GET"], name="GET /look/logo"),
    ]
