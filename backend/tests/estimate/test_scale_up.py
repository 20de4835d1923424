"""A territory: closed forms, limits, and always a potential."""

from dataclasses import replace

import pytest

from cobenefit_backend.errors import FactorError
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.scale_up import ScaleUpInputs, scale_up
from cobenefit_backend.territory.load import figures

HOMES = ScaleUpInputs(
    units=1000,
    adoption_ratio=Interval.exactly(0.5),
    effect_kgco2e=Interval(5, 10, 15),
    device_kgco2e=Interval.exactly(2),
    gateway_kgco2e=Interval.exactly(6),
    units_per_gateway=10,
    saturation_ratio=Interval.exactly(0.0),
)


def test_the_closed_form_without_saturation():
    found = scale_up(HOMES)
    assert found["gateways"] == Interval.exactly(50)
    assert found["gross_kgco2e"].central == 500 * 10
    assert found["footprint_kgco2e"] == Interval.exactly(500 * 2 + 50 * 6)
    assert found["net_kgco2e"].central == 5000 - 1300
    assert (found["evidence_class"], found["label"]) == ("P", "potential, not claimed")


def test_full_saturation_halves_the_mean_at_full_adoption():
    every = replace(HOMES, adoption_ratio=Interval.exactly(1.0))
    saturated = replace(every, saturation_ratio=Interval.exactly(1.0))
    half = scale_up(saturated)["gross_kgco2e"].central
    assert half == pytest.approx(scale_up(every)["gross_kgco2e"].central / 2)


def test_units_scale_and_a_part_of_a_gateway_is_a_whole_one():
    double = scale_up(replace(HOMES, units=2000))
    assert double["net_kgco2e"].central == pytest.approx(2 * scale_up(HOMES)["net_kgco2e"].central)
    assert scale_up(replace(HOMES, units=1002))["gateways"].central == 51


def test_a_share_outside_0_to_1_is_refused():
    with pytest.raises(ValueError, match=r"adoption_ratio is 0\.5 to 1\.5"):
        scale_up(replace(HOMES, adoption_ratio=Interval(0.5, 1, 1.5)))
    with pytest.raises(ValueError, match="units is 0"):
        scale_up(replace(HOMES, units=0))


def test_every_published_figure_has_its_source(tmp_path):
    assert len(figures()) >= 10
    assert all(row.source and row.reference for row in figures().values())
    (tmp_path / "sources.toml").write_text("")
    columns = "id,territory,quantity,value,unit,year,source,reference"
    (tmp_path / "figures.csv").write_text(f"{columns}\na,T,q,1,kg,2020,nowhere,p. 1\n")
    with pytest.raises(FactorError, match=r"figures\.csv:2: a: unknown source"):
        figures(tmp_path)
