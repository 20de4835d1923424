"""A plan is locked once, before the results; every departure is in the report."""

from datetime import UTC, datetime

import msgspec
import pytest

from cobenefit_backend import mv_plan
from cobenefit_backend import study as studies
from cobenefit_backend.errors import RequestError
from cobenefit_backend.report.build import build


@pytest.fixture
def school(municipality, store):
    document = studies.parse(store.study("demo"))
    return next(each for each in document.study if each.id == "school")


def _codes(report, study="school"):
    case = next(case for case in report.to_json()["use_cases"] if case["study"] == study)
    return {row["code"]: row for row in case["disqualifications"]}


def test_without_a_plan_the_report_says_so(municipality, store):
    assert "no_plan" in _codes(build(store, "demo"))


def test_a_plan_locked_in_time_and_followed_leaves_no_record(school, store):
    before = school.periods[2].isoformat()
    sha256 = store.lock_plan("demo", "school", mv_plan.plan_of(school), before)
    report = build(store, "demo")
    assert not {"no_plan", "plan_late", "plan_departure"} & set(_codes(report))
    case = next(case for case in report.to_json()["use_cases"] if case["study"] == "school")
    assert case["details"]["plan"] == {"sha256": sha256, "locked_on": before}
    assert "no_plan" in _codes(report, "field")


def test_a_late_plan_and_each_departure_are_named(school, store):
    plan = {**mv_plan.plan_of(school), "fuel": "gas", "reporting": ["2020-01-01", "2021-01-01"]}
    store.lock_plan("demo", "school", plan, datetime.now(UTC).date().isoformat())
    codes = _codes(build(store, "demo"))
    assert "plan_late" in codes
    assert codes["plan_departure"]["data"] == {"keys": "fuel, reporting"}


def test_a_plan_is_locked_once(school, store):
    plan = mv_plan.plan_of(school)
    store.lock_plan("demo", "school", plan, "2024-01-01")
    with pytest.raises(RequestError, match="was locked on 2024-01-01"):
        store.lock_plan("demo", "school", {**plan, "fuel": "gas"}, "2024-02-01")
    assert store.locked_plan("demo", "school")["plan"] == plan


def test_titles_and_attribution_are_no_part_of_it(school):
    assert not {"id", "names", "attribution"} & set(mv_plan.plan_of(school))
    assert mv_plan.digest({"a": 1, "b": 2}) == mv_plan.digest({"b": 2, "a": 1})


def test_a_plan_of_an_older_version_departs_only_in_what_it_knew(school):
    known = mv_plan.plan_of(school)
    older = {k: v for k, v in known.items() if k != "fuel"} | {"area_ha": None}
    lock = {"plan": older, "locked_on": "2020-01-01", "sha256": ""}
    assert mv_plan.records(school, lock) == ()
    found = mv_plan.records(msgspec.structs.replace(school, fuel="gas"), lock)
    assert found[0].data == {"keys": "fuel"}
