"""What studies contribute to a target: closed forms, and every reason not to compare."""

from dataclasses import replace

import pytest

from cobenefit_backend.estimate.quantity import Estimate, Interval
from cobenefit_backend.report.records import Case, Report
from cobenefit_backend.territory.load import mappings
from cobenefit_backend.territory.progress import DAYS_PER_YEAR, SECTOR_OF, progress
from cobenefit_backend.territory.targets import SECTORS, plans

GHG = plans().targets["hdf.sraddet.ghg"]
ENERGY = plans().targets["hdf.sraddet.energy"]
YEAR = ("2024-01-01", "2025-01-01")


def _case(study, evidence="M", *, period=YEAR, use_case="smart_meter"):
    net = Interval(10, 20, 40)
    estimate = Estimate(
        use_case=use_case, evidence_class=evidence, label="", gross_kgco2e=net,
        rebound_kgco2e=Interval.exactly(0), footprint_kgco2e=Interval.exactly(0),
        net_kgco2e=net, net_marginal_kgco2e=None, coverage_ratio=1, data_origin="measured",
        disqualifications=(), factor_ids=(), details={"savings_interval_kwh": Interval(1, 2, 3)},
    )  # fmt: skip
    return Case(
        study=study, titles={"en": study, "fr": study}, estimate=estimate, footprint={},
        period=period, baseline=YEAR, placebo=False, attribution="", site="s", devices=(),
        extra={},
    )  # fmt: skip


def _report(*cases, left_out=()):
    totals = {
        name: {"studies": [c.study for c in cases
                           if c.estimate.evidence_class == name and c.study not in left_out]}
        for name in ("M", "E")
    }  # fmt: skip
    return Report("t", {}, YEAR, {}, cases, totals, {}, ())


def test_studies_of_a_class_are_added_bound_by_bound():
    found = progress(GHG, _report(_case("a"), _case("b"), _case("c", "E")))
    measured, estimated = found.parts
    assert (measured.evidence, measured.studies) == ("M", ("a", "b"))
    assert measured.amount == Interval(20, 40, 80)
    assert measured.share.central == pytest.approx(40 / (0.4 * 58.4e9))
    assert (estimated.evidence, estimated.amount) == ("E", Interval(10, 20, 40))
    assert found.refusal == ""


def test_expected_is_never_added_to_achieved():
    found = progress(GHG, _report(_case("a"), _case("p", "P"), _case("q", "P")))
    assert [(part.evidence, part.studies) for part in found.parts] == [
        ("M", ("a",)), ("P", ("p",)), ("P", ("q",)),
    ]  # fmt: skip


def test_what_overlaps_or_is_a_test_is_left_out():
    test = replace(_case("t", "P"), placebo=True)
    found = progress(GHG, _report(_case("a"), _case("b"), test, left_out=("b",)))
    assert [part.studies for part in found.parts] == [("a",)]


@pytest.mark.parametrize(
    ("period", "per_year"),
    [
        (("2024-01-01", "2025-01-01"), 20),  # 366 days are a year
        (("2024-03-01", "2024-05-01"), 20),  # a season says nothing of the others
        (("2021-01-01", "2023-01-01"), 20 * DAYS_PER_YEAR / 730),
    ],
)
def test_longer_counts_by_the_year_and_shorter_as_it_is(period, per_year):
    (part,) = progress(GHG, _report(_case("a", period=period))).parts
    assert part.amount.central == pytest.approx(per_year)


def test_the_line_counts_to_the_last_day_reported():
    found = progress(GHG, _report(_case("a")))
    assert found.year == 2024
    assert found.due == pytest.approx(0.4 * 58.4e9 * 9 / 16)


def test_energy_is_compared_with_energy():
    (part,) = progress(ENERGY, _report(_case("a"))).parts
    assert part.amount == Interval(1, 2, 3)
    no_energy = _case("a", use_case="soil")
    no_energy = replace(no_energy, estimate=replace(no_energy.estimate, details={}))
    assert progress(ENERGY, _report(no_energy)).refusal == "no_study"


@pytest.mark.parametrize(
    ("target", "refusal"),
    [("rouen.pcaet.ghg", "base_unknown"), ("eu.neutrality", "net_of_sinks")],
)
def test_what_has_no_base_or_counts_something_else_is_refused(target, refusal):
    found = progress(plans().targets[target], _report(_case("a")))
    assert (found.refusal, found.parts, found.due) == (refusal, (), None)


def test_a_sector_is_compared_with_its_own_studies():
    target = replace(GHG, sector="transport")
    assert progress(target, _report(_case("a"))).refusal == "no_study"
    (part,) = progress(target, _report(_case("a"), _case("r", use_case="traffic"))).parts
    assert part.studies == ("r",)
    assert set(SECTOR_OF.values()) <= SECTORS
    additive = {name for name, place in mappings().items() if place.additive}
    assert set(SECTOR_OF) == additive


def test_a_report_without_a_study_says_so():
    empty = replace(_report(), period=("", ""))
    assert progress(GHG, empty).refusal == "no_study"
