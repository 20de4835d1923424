"""The page itself: light, whole, never a naked number."""

import re
from dataclasses import replace

import pytest

from cobenefit_backend.pages import study
from cobenefit_backend.report import render

MAX_PAGE_BYTES = 100_000


@pytest.fixture
def report(municipality):
    return municipality.app.state.reports.get("demo")


@pytest.fixture(params=["en", "fr"])
def html(request, report):
    return render.html_file(report, request.param, other="other.html")


def test_the_file_is_light_and_whole(html):
    assert len(html.encode()) <= MAX_PAGE_BYTES
    assert not re.search(r'(?:src|href)="(?:https?:)?//', html)
    assert "@import" not in html
    assert "url(" not in html
    assert 'href="other.html"' in html


def test_every_case_opens_with_a_sentence_and_its_evidence(report):
    text = render.html_file(report, "en")
    articles = re.findall(r"<article.*?</article>", text, flags=re.DOTALL)
    assert len(articles) == 4
    for article in articles:
        lead = re.search(r'<p class="lead">(.*?)</p>', article).group(1)
        assert lead.endswith(".")
        assert "data coverage" in article
        assert "90 % interval" in article
        assert 'class="chips"' in article


def test_the_test_is_grey_and_says_that_it_found_nothing(report):
    text = study.page(report, "en", "house-test", ())
    assert "not distinguishable from zero" in text
    assert "nothing was done" in text
    assert re.search(r'class="value grey"', text)
    assert "bar grey" in text


def test_modelled_and_synthetic_stand_apart_and_say_so(report):
    text = render.html_file(report, "fr")
    apart = text[text.index('<section id="apart">') : text.index('<section id="data">')]
    before = text[: text.index('<section id="apart">')]
    assert 'id="study-road"' in apart
    assert 'id="study-field"' in apart
    assert 'id="study-school"' in before
    assert "Modélisé, non mesuré" in apart
    assert "Données synthétiques, non mesurées" in apart


def test_what_is_not_claimed_is_hatched_and_says_so(report):
    text = study.page(report, "en", "road", ())
    assert "none of it is claimed" in text
    assert 'class="value hatch"' in text
    assert 'class="bar hatch"' in text
    assert 'class="hatching"' in text
    claimed = study.page(report, "en", "school", ())
    assert 'class="value good"' in claimed
    assert "hatching" not in claimed[claimed.index("<main") :]


def test_the_computation_shows_its_numbers(report):
    text = study.page(report, "en", "school", ())
    assert "× 0.0519 kgCO2e/kWh" in text
    assert "grid.fr.ademe.avg.lca" in text
    assert report.generated_from["data_sha256"][:16] in text


def test_a_gap_is_drawn_as_a_gap(report):
    text = study.page(report, "en", "school", ())
    path = re.search(r'<path d="([^"]*)" class="measured"/>', text).group(1)
    assert path.count("M") == 2


def test_the_policy_allows_the_style_by_its_hash(html):
    import base64
    import hashlib

    style = re.search(r"<style>(.*?)</style>", html, flags=re.DOTALL).group(1)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"sha256-{digest}" in render.POLICY


def test_what_is_true_of_every_study_is_said_once(report):
    text = render.html_file(report, "en")
    note = "No plan was locked before the results were known."
    assert text.count(note) == 1
    assert text.index(note) < text.index("<article")
    one = study.page(report, "en", report.cases[0].study, ())
    assert one.count(note) == 1


def test_a_long_report_is_shown_in_parts_and_all_of_it_can_be_reached(report):
    cases = tuple(replace(report.cases[0], study=f"study-{n}") for n in range(9))
    row = report.data["series"][0]
    rows = [{**row, "device": f"device-{n:03}"} for n in range(250)]
    long = replace(report, cases=cases, data={**report.data, "series": rows})
    seen = set()
    for start in (0, 4, 8):
        text = render.page(long, "report", "en", start)
        assert len(text) < 100_000
        seen |= set(re.findall(r'id="(study-\d)"', text.replace("study-study", "study")))
        assert (f"start={start + 4}" in text) == (start < 8)
    assert len(seen) == 9
    first, last = (render.page(long, "data", "fr", start) for start in (0, 200))
    assert "device-099" in first
    assert "device-100" not in first
    assert "device-249" in last
    assert "start=100" in last
    assert "device-249" in render.html_file(long, "en")
