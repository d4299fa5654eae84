"""The messages as people open them: in a real browser, on a phone and on a desktop."""

import re
import shutil
from decimal import Decimal
from typing import Any

import pytest
from playwright.sync_api import Browser

from retention.messages.rendering import Rendered, render
from retention.messages.template_filters import Manner
from retention.messages.templates import list_templates, load_template
from tests.conftest import ROOT
from tests.factories.values import EVERY_CASE, LONG_NAME, make_values

TEMPLATES = ROOT / "templates"
CHROMIUM = shutil.which("chromium")
WIDTHS = {"phone": 375, "desktop": 900}


def rendered(purpose: str, language: str, **facts: Any) -> Rendered:
    template = load_template(TEMPLATES, purpose, language)
    return render(TEMPLATES, template, make_values(**facts), Manner(f"{language}_GB", "EUR"))


def words(text: str) -> list[str]:
    return re.findall(r"\w+", text)


@pytest.mark.gate
@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_text_and_html_differ_only_in_dress(browser: Browser, purpose: str, language: str) -> None:
    page = browser.new_page()
    for case in EVERY_CASE:
        message = rendered(purpose, language, **case)
        page.set_content(message.html)
        seen = page.inner_text("td.content")
        # The text part shows where a link leads; the HTML part has it behind the link.
        plain = re.sub(r"(?m)^(.+): [\w.]+@[\w.]+$", r"\1", message.text)
        assert words(seen) == words(re.sub(r"(?m)^[=-]+$", "", plain)), case
    page.close()


@pytest.mark.gate
@pytest.mark.parametrize("device", WIDTHS)
@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_nothing_sticks_out_even_with_a_very_long_name(
    browser: Browser, purpose: str, language: str, device: str
) -> None:
    message = rendered(purpose, language, name=LONG_NAME, overdue=Decimal("123456789.99"))
    page = browser.new_page(viewport={"width": WIDTHS[device], "height": 800})
    page.set_content(message.html)
    assert page.evaluate("document.documentElement.scrollWidth") == WIDTHS[device]
    if purpose not in ("digest", "ops_alert"):  # our own people use the command line
        buttons = page.locator("a.button").all()
        assert buttons
        for button in buttons:
            box = button.bounding_box()
            assert box is not None
            assert box["height"] >= 44
    assert (
        float(page.evaluate("parseFloat(getComputedStyle(document.querySelector('p')).fontSize)"))
        >= 16
    )
    page.close()


@pytest.mark.gate
@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_dark_mode_is_dark_and_readable(browser: Browser, purpose: str, language: str) -> None:
    page = browser.new_page(color_scheme="dark")
    page.set_content(rendered(purpose, language).html)
    colours = page.evaluate(
        "[getComputedStyle(document.querySelector('.sheet')).backgroundColor,"
        " getComputedStyle(document.querySelector('h1')).color,"
        " getComputedStyle(document.querySelector('.content p')).color]"
    )
    page.close()
    sheet, *texts = [tuple(map(int, re.findall(r"\d+", colour)[:3])) for colour in colours]
    assert max(sheet) < 60
    assert all(min(text) > 200 for text in texts)


@pytest.mark.gate
@pytest.mark.parametrize(("purpose", "language"), list_templates(TEMPLATES))
def test_a_message_loads_nothing_from_anywhere(
    browser: Browser, purpose: str, language: str
) -> None:
    page = browser.new_page()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.set_content(rendered(purpose, language).html)
    assert [url for url in asked if not url.startswith("about:")] == []
    assert page.get_attribute("html", "lang") == language
    page.close()


def test_a_name_full_of_markup_is_shown_as_it_is(browser: Browser) -> None:
    name = "<script>document.title='owned'</script> **Bo** [x](https://evil.example) {{ 7*7 }}"
    message = rendered("education", "en", name=name)
    page = browser.new_page()
    page.set_content(message.html)
    assert page.title() != "owned"
    assert name in page.inner_text("td.content")
    assert page.locator("a:not(.button)").count() == 1, "only our own number can be dialled"
    page.close()
    assert f"Dear {name}," in " ".join(message.text.split())
