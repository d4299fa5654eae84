"""How the company looks: colours that can be read, a logo that is one."""

from pathlib import Path

import pytest

from retention.domain.brand import USUAL_BRAND, Brand, contrast, unreadable
from retention.domain.errors import ConfigError
from retention.messages.mime import build_bytes
from retention.messages.rendering import Manner, render
from retention.messages.templates import load_template
from retention.policies.brand import BrandDoc
from retention.yaml_files import parse_policy
from tests.conftest import ROOT
from tests.factories.values import make_values
from tests.unit.test_messages import ENVELOPE

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 20


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert unreadable(USUAL_BRAND.colour, USUAL_BRAND.dark_colour) is None


@pytest.mark.parametrize("text", ['colour: "#ffcc00"', 'dark_colour: "#333333"', "colour: red"])
def test_a_colour_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="colour"):
        parse_policy(text, BrandDoc, "brand.yaml")


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("logo.png", None, "No such file"),
        ("logo.png", b"GIF89a", "is no SVG or PNG"),
        ("logo.gif", PNG, "is no SVG or PNG"),
        ("logo.png", PNG + b"\0" * 100_000, "At most 60 KB"),
    ],
)
def test_a_logo_is_a_small_picture(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    if data is not None:
        (tmp_path / name).write_bytes(data)
    with pytest.raises(ConfigError, match=said):
        BrandDoc(logo=Path(name)).to_brand(tmp_path)


@pytest.mark.parametrize(("name", "carried"), [("logo.png", True), ("logo.svg", False)])
def test_a_mail_carries_a_logo_that_mail_programs_show(
    tmp_path: Path, name: str, carried: bool
) -> None:
    logo = tmp_path / name
    logo.write_bytes(PNG if carried else b"<svg xmlns='http://www.w3.org/2000/svg'/>")
    brand = Brand(colour="#112233", logo=logo)
    template = load_template(ROOT / "templates", "education", "es")
    manner = Manner("es_ES", "EUR", brand=brand)
    made = render(ROOT / "templates", template, make_values(), manner)
    raw = build_bytes(made, ENVELOPE, logo=PNG if carried else None)
    assert ("cid:logo" in made.html) is carried
    assert (b"Content-ID: <logo>" in raw) is carried
    assert "#112233" in made.html
    assert USUAL_BRAND.colour not in made.html
