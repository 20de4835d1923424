"""The public page in a real Chromium: accessible, fitting a telephone, silent, light."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from cobenefit_backend.routes.public import page

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
RELEASE = {
    "names": {"en": "Demo town", "fr": "Ville de démonstration"},
    "period": ["2024-01-01", "2025-01-01"],
    "released_ms": 1_800_000_000_000,
    "min_contributors": 10,
    "rounded_to_kgco2e": 1000.0,
    "cells": [
        {"evidence_class": "E", "use_case": "", "shown": True, "coverage_ratio": 0.93,
         "net_kgco2e": {"low": -2000.0, "central": 57_000.0, "high": 99_000.0}},
        {"evidence_class": "E", "use_case": "smart_meter", "shown": False},
    ],
}  # fmt: skip
FOUND = {"shown": RELEASE, "empty": {**RELEASE, "cells": [], "period": ["", ""]}, "none": None}


@pytest.fixture
def browser(program):
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


def test_every_state_in_both_languages(browser, tmp_path):
    context = browser.new_context(viewport={"width": 320, "height": 640}, java_script_enabled=True)
    tab = context.new_page()
    said = []
    tab.on("console", lambda message: said.append(message.text))
    for state, found in FOUND.items():
        for language in ("en", "fr"):
            html = page(found, language)
            assert len(html.encode()) < 20_000
            path = tmp_path / f"{state}-{language}.html"
            path.write_text(html, encoding="utf-8")
            tab.goto(path.as_uri())
            result = Axe().run(tab)
            assert result.violations_count == 0, f"{path.name}: {result.generate_report()}"
            wide = tab.evaluate("document.documentElement.scrollWidth")
            assert wide <= 320, f"{path.name}: {wide}"
    assert said == []
