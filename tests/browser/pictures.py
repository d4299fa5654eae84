"""Take the manual's two pictures of the console, from a demo that was played.

python -m tests.browser.pictures demo-company
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, sync_playwright

from retention.scheduling.processes import Watched, free_port
from tests.conftest import ROOT

DOCS = ROOT / "docs"


def main(home: Path) -> None:
    port = free_port()
    env = {**os.environ, "RETENTION_CONSOLE_PORT": str(port)}
    os.chdir(home)
    with (
        Watched("console", "console", env=env, module="retention") as console,
        sync_playwright() as playwright,
    ):
        console.wait_for(f"http://127.0.0.1:{port}/readyz")
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"]
        )
        page = signed_in(browser.new_page(viewport={"width": 1440, "height": 900}), env)
        speak(page, port, "en")
        page.goto(f"http://127.0.0.1:{port}/queue?view=terminations")
        page.click(".list li:has-text('notice') a >> nth=0")
        page.wait_for_selector("#more-why .chart")
        page.wait_for_function("document.querySelector('iframe').contentDocument.body.innerText")
        address = page.url
        page.screenshot(path=DOCS / "console.png")
        phone = browser.new_context(viewport={"width": 375, "height": 760}, color_scheme="dark")
        page = signed_in(phone.new_page(), env)
        speak(page, port, "es")
        page.goto(address)
        page.wait_for_function("document.querySelector('iframe').contentDocument.body.innerText")
        page.screenshot(path=DOCS / "console-phone.png")
        browser.close()


def speak(page: Page, port: int, language: str) -> None:
    page.goto(f"http://127.0.0.1:{port}/me")
    page.select_option("select[name=language]", language)
    page.click("form[action='/me'] button")


def signed_in(page: Page, env: dict[str, Any]) -> Page:
    made = subprocess.run(
        [sys.executable, "-m", "retention", "console", "link", "diana", "--json"],
        env=env, capture_output=True, check=True, text=True,
    )  # fmt: skip
    page.goto(json.loads(made.stdout)["link"])
    page.click("button.primary")
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
