"""How the company looks: colours that can be read, a logo that is one."""

import struct
import zlib
from datetime import UTC, datetime
from pathlib import Path

import pytest

from retention.domain.brand import USUAL_BRAND, Brand, contrast, unreadable
from retention.domain.errors import ConfigError
from retention.messages.leaving import letter_text, pdf_of
from retention.messages.letterheads import letterhead
from retention.messages.mime import build_bytes
from retention.messages.rendering import render
from retention.messages.sender import Sender
from retention.messages.template_filters import Manner
from retention.messages.templates import load_template
from retention.policies.brand import BrandDoc
from retention.yaml_files import parse_policy
from tests.conftest import ROOT
from tests.factories.pdfs import pdf_text
from tests.factories.values import make_values
from tests.unit.test_messages import ENVELOPE


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


PNG = (
    b"\x89PNG\r\n\x1a\n"
    + _chunk(b"IHDR", struct.pack(">IIBBBBB", 2, 1, 8, 2, 0, 0, 0))
    + _chunk(b"IDAT", zlib.compress(b"\0" + b"\x11\x22\x66" * 2))
    + _chunk(b"IEND", b"")
)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 2 1"><path d="M0 0h2v1H0z"/></svg>'


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
    logo.write_bytes(PNG if carried else SVG)
    brand = Brand(colour="#112233", logo=logo)
    template = load_template(ROOT / "templates", "education", "es")
    manner = Manner("es_ES", "EUR", brand=brand)
    made = render(ROOT / "templates", template, make_values(), manner)
    raw = build_bytes(made, ENVELOPE, logo=PNG if carried else None)
    assert ("cid:logo" in made.html) is carried
    assert (b"Content-ID: <logo>" in raw) is carried
    assert "#112233" in made.html
    assert USUAL_BRAND.colour not in made.html


@pytest.mark.parametrize(("name", "data"), [("logo.png", PNG), ("logo.svg", SVG)])
def test_a_letter_shows_the_logo_in_the_place_of_the_name(
    tmp_path: Path, name: str, data: bytes
) -> None:
    (tmp_path / name).write_bytes(data)
    sender = Sender(
        company="Acme Telecom", address="a@acme.example", currency="EUR", timezone="Europe/Madrid",
        templates=ROOT / "templates", token_key=b"k" * 32, news_address="n@acme.example",
        postal_address="Calle Mayor 1", brand=Brand(logo=tmp_path / name, tax_id="ESB12345678"),
    )  # fmt: skip
    head = letterhead(
        sender, "A letter", ("Ana Peña",), reference="0EBB5216", customer_number="C1",
        signer="Marta", locale="es_ES",
    )  # fmt: skip
    letter = letter_text(head, [], sender.templates)
    at = datetime(2026, 6, 12, 9, tzinfo=UTC)
    said = pdf_text(pdf_of(letter, at, "Europe/Madrid", sender.templates, tmp_path / name))
    assert "Acme Telecom" not in said, "its picture stands there"
    assert "ESB12345678" in said
    assert "12 de junio de 2026" in said
    without = pdf_text(pdf_of(letter, at, "Europe/Madrid", sender.templates))
    assert "Acme Telecom" in without
