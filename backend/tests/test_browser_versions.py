"""Versions and targets in a real Chromium: one pass over every page, in both languages."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.timeout(600)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
PAGES = {
    "versions": "/report/versions",
    "version": "/report/versions/1",
    "changes": "/report/versions/1..2",
    "same": "/report/versions/2..now",
    "targets": "/targets",
}


@pytest.fixture
def files(municipality, study_document, tmp_path):
    """Every page as a file: two versions between which a period changed and studies went."""
    client = municipality
    assert client.post("/v1/report/versions", json={"why": "council"}).status_code == 201
    study_document["study"] = study_document["study"][:2]
    study_document["study"][0]["reporting"] = ["2024-01-01", "2024-11-01"]
    assert client.post("/v1/studies", json=study_document).status_code == 202
    assert client.post("/v1/report/versions", json={"why": "correction"}).status_code == 201
    paths = {}
    for name, address in PAGES.items():
        for language in ("en", "fr"):
            answer = client.get(f"{address}?lang={language}")
            assert answer.status_code == 200, answer.text
            paths[name, language] = tmp_path / f"{name}-{language}.html"
            paths[name, language].write_text(answer.text, encoding="utf-8")
    return paths


def test_every_page_is_accessible_fits_a_telephone_and_is_silent(files, program):
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        for language, scheme, width in (("fr", "light", 320), ("en", "dark", 1280)):
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": width, "height": 640}
            )
            page, said = context.new_page(), []
            page.on("console", lambda message, said=said: said.append(message.text))
            for name in PAGES:
                path = files[name, language]
                page.goto(path.as_uri())
                for summary in page.query_selector_all("summary"):
                    summary.click()
                result = Axe().run(page)
                assert result.violations_count == 0, f"{name}: {result.generate_report()}"
                assert page.evaluate("document.documentElement.scrollWidth") == width, name
            assert said == []
            context.close()
        browser.close()
