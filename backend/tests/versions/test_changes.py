"""Two reports compared: every difference is named, and the parts of a change add up to it."""

import copy
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.report import render
from cobenefit_backend.report.charts import Reader
from cobenefit_backend.report.format import Formatter
from cobenefit_backend.report.words import LANGUAGES, Words
from cobenefit_backend.versions import told
from cobenefit_backend.versions.changes import compare, to_json
from cobenefit_backend.versions.why import steps

FIGURES = st.floats(0.01, 1e6)


@pytest.fixture
def old(report):
    return json.loads(render.json_file(report))


def _case(report, study):
    return next(case for case in report["use_cases"] if case["study"] == study)


def _with_factor(report, study, factor, value):
    """The same report under another value of a factor of one study, computed by hand."""
    new = copy.deepcopy(report)
    row = next(row for row in new["factors"] if row["id"] == factor)
    case = _case(new, study)
    was = row["value"]
    case["arithmetic"] = case["arithmetic"].replace(repr(was), repr(value))
    row.update(value=value, source="A newer source")
    saved = case["details"]["savings_kwh"]
    for key in ("gross_kgco2e", "net_kgco2e"):
        case[key] = {end: v + saved * (value - was) for end, v in case[key].items()}
    return new


def test_the_same_report_says_the_same(old):
    found = compare(old, copy.deepcopy(old))
    assert (found.studies, found.factors, found.data, found.made_from) == ((), (), (), {})
    assert found.corrections == ()
    assert found.unchanged == len(old["use_cases"])


def test_a_factor_that_changed_is_named_with_its_part(old):
    new = _with_factor(old, "school", "grid.fr.ademe.avg.lca", 0.06)
    found = compare(old, new)
    assert [each.study for each in found.studies] == ["school"]
    (step,) = found.studies[0].steps
    assert (step.name, step.is_factor, step.old, step.new) == (
        "grid.fr.ademe.avg.lca", True, 0.0519, 0.06,
    )  # fmt: skip
    # the figure is recomputed from its printed formula, so only the last digits may differ
    assert step.change_kgco2e == pytest.approx(told.move_kgco2e(found.studies[0]), rel=1e-9)
    assert found.studies[0].inputs == ("factors",)
    assert [(each.id, each.columns) for each in found.factors] == [
        ("grid.fr.ademe.avg.lca", ("value", "source"))
    ]


def test_data_that_came_were_corrected_and_refused_are_told_apart(old):
    new = copy.deepcopy(old)
    series = {row["device"]: row for row in new["data"]["series"]}
    series["school"]["stored"] += 48
    series["school"]["windows"] += 1
    series["school"]["sha256"] = "0"
    series["house"]["sha256"] = "0"
    series["road"]["quarantined"] = {"crc": 3}
    found = {each.series[1]: each for each in compare(old, new).data}
    assert set(found) == {"school", "house", "road"}
    assert (found["school"].added, found["school"].corrected) == (48, False)
    assert (found["house"].added, found["house"].corrected) == (0, True)
    assert found["road"].quarantined == 3


@pytest.mark.parametrize(("language", "words"), [("en", "left out"), ("fr", "écarté")])
def test_what_was_left_out_between_is_named_with_its_reason(old, language, words):
    entry = {
        "t": "2025-02-01T10:00+00:00", "kind": "exclude", "site": "town", "device": "school",
        "channel": "energy_import_wh", "start": "2024-03-01T00:00+00:00",
        "end": "2024-03-08T00:00+00:00", "why": "works, order 12", "old": "", "new": "",
        "reference": "",
    }  # fmt: skip
    new = copy.deepcopy(old)
    new["data"]["corrections"] = [entry]
    _case(new, "school")["coverage_ratio"] /= 2
    for before, after, held in ((old, new, True), (new, old, False)):
        found = compare(before, after)
        (change,) = found.corrections
        assert (change.held, change.kind, change.why) == (held, "exclude", "works, order 12")
        assert found.studies[0].inputs == ("corrections",)
        reader = Reader(Words.load(language), Formatter(language))
        (row,) = told.corrections(found, reader)
        assert row[:2] == (words, "town/school/energy_import_wh")
        assert row[3] == "works, order 12"
        assert "2024" in row[2]
        assert "corrections" in to_json(found)
    del old["data"]["corrections"]
    assert len(compare(old, new).corrections) == 1, "versions of before had no such list"


def test_studies_gates_settings_and_versions(old):
    new = copy.deepcopy(old)
    new["use_cases"] = [case for case in new["use_cases"] if case["study"] != "road"]
    case = _case(new, "field")
    case["disqualifications"] = [{"code": "imprecise_savings", "text": "", "data": {}}]
    case["reporting"] = ["2024-03-01", "2024-07-01"]
    new["generated_from"]["code_version"] = "9.9"
    del new["generated_from"]["method_version"]
    found = compare(old, new)
    studies = {each.study: each for each in found.studies}
    assert studies["road"].new is None
    assert studies["field"].gates_added == ("imprecise_savings",)
    assert studies["field"].gates_removed != ()
    assert studies["field"].settings == ("reporting",)
    assert found.made_from["code"][1] == "9.9"
    assert found.made_from["method"][1] == ""
    assert compare(new, old).studies[-1].moved
    json.dumps(to_json(found))


@pytest.mark.parametrize("language", LANGUAGES)
def test_everything_has_words(old, language):
    new = _with_factor(old, "school", "grid.fr.ademe.avg.lca", 0.06)
    reader = Reader(Words.load(language), Formatter(language))
    found = compare(old, new)
    text = told.opening(found, "1", "2", reader)
    assert _case(old, "school")["titles"][language] in text
    assert "93" in text  # 11,483 kWh x 0.0081 kg/kWh
    shown = told.study(found.studies[0], reader)
    assert [len(row) for row in shown.rows] == [3]
    assert [row[0] for row in shown.parts] == ["grid.fr.ademe.avg.lca"]
    assert told.factors(found, reader)[0][1] != told.factors(found, reader)[0][2]
    for name in ("baseline", "site", "devices", "placebo", "data_origin", "use_case"):
        assert reader.words(f"setting_{name}")
    for name in ("method", "code", "settings", "factors", "data", "activities", "footprint"):
        assert reader.words(f"among_{name}")


@given(st.lists(FIGURES, min_size=8, max_size=8))
def test_the_parts_add_up(values):
    a, b, c, d, e, f, g, h = values
    names = "kwh * grid + (km - 3) * fuel / 2"
    old = {"equation": names, "arithmetic": f"{a!r} * {b!r} + ({c!r} - 3) * {d!r} / 2"}
    new = {"equation": names, "arithmetic": f"{e!r} * {f!r} + ({g!r} - 3) * {h!r} / 2"}
    found = steps(old, new, {"grid", "fuel"})
    change = (e * f + (g - 3) * h / 2) - (a * b + (c - 3) * d / 2)
    scale = max(abs(x * y) for x in values for y in values)  # of the terms that cancel
    assert sum(step.change_kgco2e for step in found) == pytest.approx(change, abs=1e-12 * scale)
    order = [step.is_factor for step in found]
    assert order == sorted(order, reverse=True)


def test_a_value_that_turned_negative_is_still_the_same_formula():
    old = {"equation": "kwh * grid", "arithmetic": "10.0 * 0.5"}
    new = {"equation": "(kwh) * grid", "arithmetic": "(-10.0) * 0.5"}
    assert [step.change_kgco2e for step in steps(old, new, {"grid"})] == [-10.0]


def test_another_formula_is_not_shared_out():
    old = {"equation": "kwh * grid", "arithmetic": "10.0 * 0.5"}
    assert steps(old, {"equation": "kwh / grid", "arithmetic": "1.0 / 2.0"}, ()) is None
    assert (
        steps({"equation": "", "arithmetic": ""}, {"equation": "", "arithmetic": ""}, ()) is None
    )
