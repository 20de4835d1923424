"""Every page the server has, found in its OpenAPI document, in a real Chromium.

In both languages and on the populated municipality: accessible, fitting a telephone, usable by
keyboard, silent, light, and asking nothing of anyone else. The pages of refusals too.
"""

import dataclasses
import re

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

pytestmark = [pytest.mark.browser, pytest.mark.timeout(1200)]
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
MAX_BYTES = 100_000
MOST_STEPS = 60
NAMES = {
    "study": "school", "site": "town", "device": "school", "tenant": "demo", "person": "none",
    "which": "1..now",
}  # fmt: skip
SERIES = "site=town&device=school&channel=energy_import_wh"
FILE = (
    b"start,end,value,unit\n2021-01-01T00:00+01:00,2021-01-02T00:00+01:00,24,kWh\n"
    b"2021-01-02T00:00+01:00,2021-01-03T00:00+01:00,no number,kWh\n"
)
AREAS = {"type": "FeatureCollection", "features": [{
    "type": "Feature", "properties": {"name": "Centre", "sites": ["town"]},
    "geometry": {"type": "Polygon", "coordinates": [[[3, 50], [4, 50], [4, 51], [3, 50]]]},
}]}  # fmt: skip
#: Pages beside the ones that answer 200: what is not there, and what was never sent.
#: Nobody has configured a provider here: its pages are in test_browser_access.
REFUSALS = [
    "/imports/none",
    "/studies/none", "/report/versions/9", "/no-such-page", "/login/oidc/callback",
    "/admin/people/none/remove", "/admin/webhooks/none",
]  # fmt: skip


@pytest.fixture
def addresses(municipality):
    """Every HTML page of the OpenAPI document, parameters filled in, then the refusals."""
    for action in ("on", "release"):  # the public page has something to show
        sent = municipality.post("/v1/public", json={"tenant": "demo", "action": action})
        assert sent.status_code == 200, sent.text
    assert municipality.post("/v1/report/versions", json={"why": "council"}).status_code == 201
    found = []
    assert municipality.post("/v1/areas", json=AREAS).status_code == 202
    app = municipality.app
    app.state.config = dataclasses.replace(app.state.config, webhook_secret="k" * 32)
    hook = {"url": "https://receiver.example/in", "events": ["report.changed"]}
    told = municipality.post("/v1/webhooks", json=hook).json()["id"]
    assert municipality.post(f"/v1/webhooks/{told}/test").status_code == 204
    known = municipality.app.state.guard.credentials.listed("demo")
    read = municipality.post(f"/v1/imports?{SERIES}&file=old.csv", content=FILE)
    names = {**NAMES, "id": known[0]["id"], "imported": read.json()["id"], "webhook": told}
    for path, operations in municipality.app.openapi()["paths"].items():
        answers = operations.get("get", {}).get("responses", {})
        if "text/html" in answers.get("200", {}).get("content", {}):
            found.append(re.sub(r"{(\w+)}", lambda name: names[name[1]], path))
    assert len(found) > 4
    return [*found, *REFUSALS]


@pytest.fixture
def browser(served, program, addresses):  # addresses first: an event loop of their own
    with sync_playwright() as play:
        found = play.chromium.launch(executable_path=program("chromium"), args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def opened(browser, served, municipality, addresses):
    """Open every page in both languages; yields (address, page) with what it said and asked."""

    def each(**options):
        context = browser.new_context(extra_http_headers=municipality.headers, **options)
        for address in addresses:
            for language in ("en", "fr"):
                page = context.new_page()
                page.said, page.asked = [], []
                page.on("console", lambda message, page=page: page.said.append(message.text))
                page.on("request", lambda request, page=page: page.asked.append(request.url))
                joint = "&" if "?" in address else "?"
                answer = page.goto(f"{served}{address}{joint}lang={language}")
                yield f"{address} {language}", page, answer
                page.close()
        context.close()

    return each


def _check_axe(page, name):
    for summary in page.query_selector_all("summary"):
        summary.click()
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        result = Axe().run(page)
        assert result.violations_count == 0, f"{name}, {scheme}: {result.generate_report()}"


_REACHABLE = """() => [
    ...document.querySelectorAll('a[href],button,input,select,textarea,summary')]
  .filter(each => each.type !== 'hidden' && each.checkVisibility()).length"""
_FOCUSED = """() => { const it = document.activeElement;
  return [it.outerHTML + it.getBoundingClientRect().y, getComputedStyle(it).outlineStyle] }"""


def _check_keyboard(page, name):
    wanted, seen = min(page.evaluate(_REACHABLE), MOST_STEPS), set()
    page.keyboard.press("Tab")
    for _ in range(wanted):
        place, outline = page.evaluate(_FOCUSED)
        seen.add(place)
        assert outline != "none", f"{name}: no focus to be seen on {place[:80]}"
        page.keyboard.press("Tab")
    assert len(seen) == wanted, name


def test_a_person_reads_and_reaches_everything(opened):
    for name, page, _ in opened(viewport={"width": 1280, "height": 900}):
        _check_keyboard(page, name)
        _check_axe(page, name)
        page.set_viewport_size({"width": 320, "height": 640})
        assert page.evaluate("document.documentElement.scrollWidth") == 320, name


def test_without_a_script_a_page_is_whole_small_silent_and_asks_nobody_else(opened, served):
    for name, page, answer in opened(java_script_enabled=False):
        assert answer.status == (404 if name.split()[0] in REFUSALS else 200), name
        assert len(answer.body()) <= MAX_BYTES, name
        assert b"<script" not in answer.body(), name
        assert page.locator("h1").count() == 1, name
        assert page.locator("main").inner_text().strip(), name
        assert [text for text in page.said if "status of 404" not in text] == [], name
        assert all(url.startswith(served) for url in page.asked), name
        assert len(page.asked) <= 2, name  # the page, and perhaps its icon
