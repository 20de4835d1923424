"""The overview and the sites in a real Chromium: accessible, silent, and fitting a telephone."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

pytestmark = pytest.mark.browser
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
STATES = {
    "empty": "/?site=none",
    "map": "/?attention=all",
    "site": "/sites/town",
    "farm": "/sites/farm",
}
AXE = (
    ("map", "en", "light"),
    ("map", "fr", "dark"),
    ("site", "fr", "light"),
    ("farm", "en", "dark"),
)


@pytest.fixture
def files(mapped, tmp_path):
    paths = {}
    for name, address in STATES.items():
        for language in ("en", "fr"):
            joint = "&" if "?" in address else "?"
            answer = mapped.get(f"{address}{joint}lang={language}")
            assert answer.status_code == 200
            assert len(answer.content) <= 100_000
            paths[name, language] = tmp_path / f"{name}-{language}.html"
            paths[name, language].write_bytes(answer.content)
    return paths


@pytest.fixture
def browser(files, program):  # files first: they are made with an event loop of their own
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


def test_axe_finds_nothing(browser, files):
    for name, language, scheme in AXE:
        context = browser.new_context(color_scheme=scheme)
        page = context.new_page()
        page.goto(files[name, language].as_uri())
        for summary in page.query_selector_all("summary"):
            summary.click()
        result = Axe().run(page)
        assert result.violations_count == 0, f"{name}: {result.generate_report()}"
        context.close()


def test_a_telephone_shows_all_of_it_without_script(browser, files):
    context = browser.new_context(viewport={"width": 320, "height": 640})
    still = browser.new_context(java_script_enabled=False)
    said, asked = [], []
    silent = still.new_page()
    silent.on("console", lambda message: said.append(message.text))
    silent.on("request", lambda request: asked.append(request.url))
    page = context.new_page()
    for path in files.values():
        page.goto(path.as_uri())
        assert page.evaluate("document.documentElement.scrollWidth") == 320, path.name
        silent.goto(path.as_uri())
    assert said == []
    assert asked == [path.as_uri() for path in files.values()]
    silent.goto(files["map", "fr"].as_uri())
    silent.locator("summary").first.click()
    assert silent.locator("details[open] table").is_visible()
    assert silent.locator("svg.map").bounding_box()["height"] > 50
    for context_ in (context, still):
        context_.close()
