"""The pages in a real Chromium: accessible, fitting a telephone, silent, without a script."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from cobenefit_backend.report import render

pytestmark = pytest.mark.browser
PAGES = {"study": "/studies/school"}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]


@pytest.fixture
def files(municipality, tmp_path):
    report = municipality.app.state.reports.get("demo")
    paths = {}
    for language, other in (("en", "fr"), ("fr", "en")):
        paths[f"file-{language}"] = tmp_path / f"{language}.html"
        paths[f"file-{language}"].write_text(
            render.html_file(report, language, other=f"{other}.html"), encoding="utf-8"
        )
        for name in ("report", "data", "factors"):
            path = tmp_path / f"{name}-{language}.html"
            path.write_text(render.page(report, name, language), encoding="utf-8")
            paths[f"{name}-{language}"] = path
        for name, address in PAGES.items():
            path = tmp_path / f"{name}-{language}.html"
            answer = municipality.get(address, params={"lang": language})
            path.write_text(answer.text, encoding="utf-8")
            paths[f"{name}-{language}"] = path
    return paths


@pytest.fixture
def browser(files, program):  # files first: they are made with an event loop of their own
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


def _open_details(page):
    for summary in page.query_selector_all("summary"):
        summary.click()


@pytest.mark.timeout(300)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(browser, files, scheme):
    context = browser.new_context(color_scheme=scheme)
    page = context.new_page()
    for name, path in files.items():
        page.goto(path.as_uri())
        _open_details(page)
        result = Axe().run(page)
        assert result.violations_count == 0, f"{name}: {result.generate_report()}"
    context.close()


def test_a_telephone_never_scrolls_sideways(browser, files):
    context = browser.new_context(viewport={"width": 320, "height": 640})
    page = context.new_page()
    for name, path in files.items():
        page.goto(path.as_uri())
        _open_details(page)
        assert page.evaluate("document.documentElement.scrollWidth") == 320, name
    context.close()


def test_without_script_everything_is_there_and_nothing_complains(browser, files):
    context = browser.new_context(
        java_script_enabled=False, viewport={"width": 320, "height": 640}
    )
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text))
    page.on("request", lambda request: asked.append(request.url))
    for path in files.values():
        page.goto(path.as_uri())
    assert said == []
    assert all(url.startswith("file:") for url in asked)
    assert len(asked) == len(files)
    page.goto(files["file-en"].as_uri())
    page.get_by_role("link", name="Français").click()
    assert (
        page.get_by_role("heading", level=1).inner_text() == "Rapport sur les co-bénéfices carbone"
    )
    page.locator("summary").first.click()
    assert page.locator("details[open]").count() == 1
    context.close()
