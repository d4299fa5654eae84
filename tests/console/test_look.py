"""The console wears the company's colour and logo, before and behind the sign-in."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from retention.clock import travel, utc_now
from tests.factories.consoles import ConsoleWorld, signed_in

PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


@pytest.fixture
def branded(world: ConsoleWorld) -> Iterator[Path]:
    """The company's brand, put back afterwards: its files are those of all worlds."""
    home = world.shop.policies.home
    before = (home / "brand.yaml").read_text("utf-8")
    try:
        yield home
    finally:
        (home / "brand.yaml").write_text(before, "utf-8")
        (home / "own.png").unlink(missing_ok=True)


def test_a_brand_is_worn_as_soon_as_its_file_says_so(branded: Path, app: Starlette) -> None:
    stranger, marta = TestClient(app), signed_in(app, "marta")
    assert "#0b5c58" in stranger.get("/look/brand.css").text
    assert stranger.get("/look/logo").status_code == 404
    assert "/look/logo" not in marta.get("/queue").text
    (branded / "own.png").write_bytes(PIXEL)
    (branded / "brand.yaml").write_text(
        'colour: "#7a1f5c"\ndark_colour: "#f0a8d8"\nlogo: own.png\n', "utf-8"
    )
    with travel(utc_now() + timedelta(minutes=1)):
        sheet = stranger.get("/look/brand.css")
        assert sheet.headers["content-type"].startswith("text/css")
        assert "--accent: light-dark(color-mix(in srgb, #7a1f5c 92%, black), #f0a8d8)" in sheet.text
        assert stranger.get("/look/logo").content == PIXEL
        for page in (stranger.get("/sign-in").text, marta.get("/queue").text):
            assert 'href="/look/brand.css"' in page
            assert '<img class="logo" src="/look/logo"' in page
        (branded / "own.png").unlink()
        assert stranger.get("/look/logo").status_code == 404
