"""All nine use cases from one store: report, pages in both languages, and the way back."""

import json
import re

import pytest
import typer
from typer.testing import CliRunner

from cobenefit_backend.bodies import ActivityBody, ActivityRow
from cobenefit_backend.explain_cli import explain
from cobenefit_backend.factors.load import load
from cobenefit_backend.pages import study as study_page
from cobenefit_backend.report import render
from cobenefit_backend.report.answers import ANSWERS
from cobenefit_backend.report.build import build
from cobenefit_backend.report.weights import spans

MAX_PAGE_BYTES = 100_000
INDICATORS = {"surveillance", "climate-event"}
CLAIMS = sorted({name.replace("_", "-") for name in ANSWERS} - INDICATORS)


@pytest.fixture(scope="module")
def cases(nine):
    return {case.study: case for case in nine.cases}


@pytest.fixture(scope="module")
def report_file(nine, tmp_path_factory):
    path = tmp_path_factory.mktemp("report") / "report.json"
    path.write_text(render.json_file(nine))
    return path


def codes(case):
    return {record.code for record in case.estimate.disqualifications}


def test_the_fixture_holds_every_use_case(cases):
    assert {case.estimate.use_case for case in cases.values()} == set(ANSWERS)


@pytest.mark.parametrize(
    ("study", "evidence"),
    [
        ("smart-meter", "E"), ("soil", "M"), ("traffic", "E"), ("remote-health", "E"),
        ("remote-assistance", "E"), ("industry", "M"), ("data-centre", "M"),
        ("surveillance", "N"), ("climate-event", "N"),
    ],
)  # fmt: skip
def test_each_has_its_class_and_its_three_orders(cases, study, evidence):
    estimate = cases[study].estimate
    assert estimate.evidence_class == evidence
    assert estimate.footprint_kgco2e.central > 0
    if study in INDICATORS:
        assert estimate.gross_kgco2e is estimate.net_kgco2e is None
        assert "indicator_only" in codes(cases[study])
    else:
        net, own = estimate.net_kgco2e.central, estimate.footprint_kgco2e.central
        gross = estimate.gross_kgco2e.central - estimate.rebound_kgco2e.central
        assert net == pytest.approx(gross - own)


def test_what_the_fixture_put_in_comes_out(cases):
    details = {study: case.estimate.details for study, case in cases.items()}
    assert details["smart-meter"]["savings_ratio"] == pytest.approx(0.2, abs=0.01)
    assert details["data-centre"]["pue_before"] - details["data-centre"]["pue_after"] == (
        pytest.approx(0.2, abs=0.01)
    )
    industry = details["industry"]
    after = industry["specific_energy_after_kwh"] / industry["specific_energy_before_kwh"]
    assert after == pytest.approx(0.85, abs=0.01)
    assert details["soil"]["nitrogen_saved_kg"] == pytest.approx(40 * 40)
    assert details["remote-health"]["consultations"] == 120
    assert details["remote-assistance"]["resolved_ratio"].central == pytest.approx(0.9)
    assert details["surveillance"]["detection_h_before"] == 25
    assert details["surveillance"]["hours_above_ratio_before"] == pytest.approx(2 / 3)
    assert details["climate-event"]["pod"].central == pytest.approx(9 / 11)


def test_the_mode_a_patient_names_replaces_the_assumed_share(cases):
    share = cases["remote-health"].extra["mode_share"]
    assert sum(share.values()) == pytest.approx(1)
    assert share["train"] > 0
    assert cases["remote-health"].estimate.coverage_ratio == pytest.approx(120 / 125)


def test_the_lane_takes_the_traffic_over_and_is_counted(cases):
    traffic = cases["traffic"]
    assert traffic.estimate.details["traffic_growth_ratio"] == pytest.approx(0, abs=0.01)
    assert not {"no_screenline", "modelled_speeds", "spot_speed_only"} & codes(traffic)
    assert traffic.extra["inputs"]["speed_before_km_h"] == pytest.approx(30)
    assert traffic.extra["inputs"]["speed_after_km_h"] == pytest.approx(36)


@pytest.mark.parametrize("language", ["en", "fr"])
def test_every_page_is_light_and_every_word_is_there(nine, cases, language):
    assert len(render.html_file(nine, language).encode()) <= MAX_PAGE_BYTES
    for study in cases:
        page = study_page.page(nine, language, study, ())
        assert len(page.encode()) <= MAX_PAGE_BYTES
        assert not re.search(r">(fact|input|if|units|break_even)_\w+<", page)


def test_the_study_page_shows_what_the_result_hangs_on(nine):
    text = study_page.page(nine, "en", "remote-assistance", ())
    for part in (
        "What the result hangs on",
        "Under other assumptions",
        "Pays back",
        "cases a year",
    ):
        assert part in text
    indicator = study_page.page(nine, "en", "climate-event", ())
    assert "no CO2e is claimed" in indicator
    assert "There is no break-even" in indicator
    assert "What the result hangs on" not in indicator


@pytest.mark.parametrize("study", CLAIMS)
def test_break_even_tornado_and_sensitivity_for_each(nine, cases, study):
    details = cases[study].estimate.details
    found = details["break_even"]
    assert found["verdict"] == "reached"
    assert found["units_per_year"] < found["units_observed_per_year"]
    assert cases[study].extra["break_even_date"] >= "2024-01-01"
    assert len(details["contributors"]) >= 1
    assert {"truncation_2", "half_effect", "half_life"} <= set(details["sensitivity"])
    view = next(v for v in render.Edition(nine, "en").cases if v.case.study == study)
    ends = list(spans(view).values())
    assert "own_footprint" in spans(view)
    assert ends == sorted(ends, key=lambda each: -each.half_width)


@pytest.mark.parametrize("study", sorted(INDICATORS))
def test_an_indicator_never_breaks_even_and_says_so(cases, study):
    found = cases[study].estimate.details["break_even"]
    assert (found["verdict"], found["years"]) == ("no_effect", None)


def test_weak_sources_are_named_in_every_study_and_marked_in_the_table(nine, cases):
    for case in cases.values():
        assert "weak_sources" in codes(case)
    text = render.page(nine, "factors", "en")
    weak = [row for row in nine.factors if row["status"] in ("secondary", "recalled")]
    assert weak
    for row in weak:
        word = {"secondary": "secondary source", "recalled": "from memory"}[row["status"]]
        assert f"<code>{row['id']}</code> ({word}" in text


def evaluated(text):
    assert set(text) <= set("0123456789.e+-*/() ")
    return eval(text, {"__builtins__": {}})


def explained(path, item):
    app = typer.Typer()
    app.command()(explain)
    found = CliRunner().invoke(app, [str(path), item])
    assert found.exit_code == 0, found.output
    return found.stdout


@pytest.mark.parametrize("study", CLAIMS)
def test_a_published_figure_is_followed_back_to_its_rows(nine, cases, report_file, study):
    text = explained(report_file, study)
    lines = text.splitlines()
    estimate = cases[study].estimate
    at = lines.index("net = gross - rebound - footprint [kgCO2e]")
    net = evaluated(lines[at + 1].strip(" ="))
    assert net == pytest.approx(estimate.net_kgco2e.central, rel=1e-9)
    at = lines.index("gross - rebound [kgCO2e]")
    gross = estimate.gross_kgco2e.central - estimate.rebound_kgco2e.central
    assert evaluated(lines[at + 2].strip(" =")) == pytest.approx(gross, rel=1e-9)
    for key in estimate.factor_ids:
        line = next(line for line in lines if line.startswith(f"  {key} = "))
        assert load()[key].status in line
    made = nine.generated_from
    assert made["factor_set"]["sha256"] in text
    assert f"Code: cobenefit {made['code_version']}" in text


@pytest.mark.parametrize("study", [name.replace("_", "-") for name in ANSWERS])
def test_the_rows_behind_a_figure_have_a_digest(nine, cases, report_file, study):
    text, extra = explained(report_file, study), cases[study].extra
    rows = [
        row
        for row in nine.data["series"]
        if row["device"] in cases[study].devices and row["channel"] in extra["channels"]
    ]
    assert rows or extra["activities"]["rows"]
    for row in rows:
        assert f"{row['windows']} windows, SHA-256 {row['sha256']}" in text
    if extra["activities"]["rows"]:
        assert f"{extra['activities']['rows']} activities" in text
        assert extra["activities"]["sha256"] in text


def test_a_total_is_followed_back_to_its_studies(nine, report_file):
    lines = explained(report_file, "E").splitlines()
    central = nine.totals["E"]["net_kgco2e"]["central"]
    assert evaluated(lines[2].strip(" =")) == pytest.approx(central)
    for study in nine.totals["E"]["studies"]:
        assert study in lines[1]


def test_one_changed_activity_changes_the_digest_and_the_figure(nine_store, nine):
    rows = nine_store.activities("nine")
    kept = next(row for row in rows if row["quantity"] == "case")
    changed = {k: v for k, v in kept.items() if k != "tenant"} | {"arm": "visited_later"}
    fields = {k: v for k, v in kept.items() if k != "tenant"}
    nine_store.add_activities(ActivityBody("nine", [ActivityRow(**{**changed, "amount": 5.0})]))
    try:
        again = build(nine_store, "nine")
    finally:
        nine_store.add_activities(ActivityBody("nine", [ActivityRow(**fields)]))
    old, new = (
        next(case for case in each.cases if case.study == "remote-assistance")
        for each in (nine, again)
    )
    assert old.extra["activities"]["sha256"] != new.extra["activities"]["sha256"]
    assert old.estimate.net_kgco2e != new.estimate.net_kgco2e


def test_report_json_holds_all_nine(report_file):
    report = json.loads(report_file.read_text())
    assert len(report["use_cases"]) == 9
    for case in report["use_cases"]:
        assert case["details"]["break_even"]["verdict"]


def test_before_anything_is_stored_nothing_is_claimed_and_nothing_breaks(empty_nine):
    for case in empty_nine.cases:
        assert case.estimate.evidence_class in ("N", "P"), case.study
        assert not case.counts
        net = case.estimate.net_kgco2e
        assert net is None or net.high <= 0  # at most the devices' own footprint
    for language in ("en", "fr"):
        assert render.html_file(empty_nine, language)
        for case in empty_nine.cases:
            assert study_page.page(empty_nine, language, case.study, ())
