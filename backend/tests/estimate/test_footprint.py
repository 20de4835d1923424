"""The footprint of reference devices, its stages and its break-even."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_backend.errors import FactorError
from cobenefit_backend.estimate.footprint import (
    Device,
    FootprintInputs,
    break_even_ratio,
    footprint,
)
from cobenefit_backend.factors.load import load

FACTORS = load()
NODE = {
    "processing": 0,
    "connectivity": 1,
    "pcb": 1,
    "others": 1,
    "casing": 1,
    "power_supply": 1,
    "sensing": 2,
    "user_interface": 1,
}
METER = NODE | {"power_supply": 0}
PI = {
    "processing": 2,
    "memory": 3,
    "connectivity": 2,
    "pcb": 2,
    "others": 3,
    "casing": 1,
    "power_supply": 0,
}
DWELLING_KWH = FACTORS["meter.activity.fr_dwelling_kwh"].value
GRID = FACTORS["grid.fr.ademe.avg.lca"].value


@pytest.mark.parametrize(("blocks", "kg"), [(NODE, 2.31), (METER, 6.68), (PI, 19.04)])
def test_sum_of_blocks_of_the_reference_devices(blocks, kg):  # C7
    result = footprint(FootprintInputs(Device(blocks, 5.0)), FACTORS)
    assert result.embodied_kgco2e.central == pytest.approx(kg, rel=0.005)


def test_half_a_watt_for_a_year():
    device = Device({}, 5.0, energy_wh_per_year=4380)
    result = footprint(FootprintInputs(device), FACTORS)
    assert result.stages[1]["use"].central == pytest.approx(0.227, abs=5e-4)
    assert result.total_marginal[1].central == pytest.approx(4.38 * 0.158)


def test_battery_energy_is_inside_the_cells():
    device = Device({}, 5.0, energy_wh_per_year=4380, powered_by="battery", cells_per_year=3)
    stages = footprint(FootprintInputs(device), FACTORS).stages[1]
    assert stages["use"].central == 0
    assert stages["batteries"].central == pytest.approx(3 * 0.107)


def test_network_bytes_of_a_quarter_hourly_node():
    device = Device({}, 5.0, bytes_per_year=96 * 365 * 200, network="mobile")
    stages = footprint(FootprintInputs(device), FACTORS).stages[1]
    assert stages["network"].central == pytest.approx(0.173e-3, rel=0.01)


def test_break_even_of_a_french_meter_reader():
    def ratio(truncation, **shared):
        device = Device(METER, 5.0, energy_wh_per_year=4380)
        result = footprint(FootprintInputs(device, **shared), FACTORS)
        return break_even_ratio(result.total[truncation].central, DWELLING_KWH, GRID)

    gateway = Device(PI, 5.0, energy_wh_per_year=4 * 8766)
    assert ratio(1) == pytest.approx(0.0062, abs=5e-5)
    assert ratio(2) == pytest.approx(0.0113, abs=5e-5)
    assert ratio(1, gateway=gateway) == pytest.approx(0.0285, abs=1e-4)
    assert ratio(1, gateway=gateway, gateway_shared_by=10) == pytest.approx(0.0084, abs=1e-4)


def test_deterministic_net_under_the_prior():  # C9
    device = Device(METER, 5.0, energy_wh_per_year=4380)
    own = footprint(FootprintInputs(device), FACTORS).total[1].central
    gross = FACTORS["meter.prior.electricity_saving"].value * DWELLING_KWH * GRID
    assert gross - own == pytest.approx(3.994, abs=1e-3)


@settings(max_examples=15, deadline=None)
@given(
    st.dictionaries(st.sampled_from(["pcb", "others", "processing"]), st.integers(0, 3)),
    st.floats(0.5, 20),
    st.integers(1, 1000),
)
def test_stages_add_up_and_scale(blocks, years, count):
    one = footprint(FootprintInputs(Device(blocks, years)), FACTORS)
    many = footprint(FootprintInputs(Device(blocks, years), count=count), FACTORS)
    for truncation in (1, 2):
        stages = sum(stage.central for stage in one.stages[truncation].values())
        assert one.total[truncation].central == pytest.approx(stages)
        assert many.total[truncation].central == pytest.approx(stages * count)
    made = one.stages[1]["manufacture"].central
    assert one.stages[2]["manufacture"].central == pytest.approx(2 * made)
    assert one.stages[2]["end_of_life"] == one.stages[1]["end_of_life"]


def test_shares_are_counted_or_recorded():
    device = Device(METER, 5.0)
    alone = footprint(FootprintInputs(device), FACTORS)
    codes = {record.code for record in alone.disqualifications}
    assert codes == {"transport_not_counted", "gateway_not_counted", "backend_not_counted"}
    served = footprint(FootprintInputs(device, backend_shared_by=1000), FACTORS)
    kwh = 0.4 * 8766 * 1.64
    assert served.stages[1]["backend"].central == pytest.approx((748 / 5 + kwh * GRID) / 1000)
    assert "backend_not_counted" not in {r.code for r in served.disqualifications}


def test_a_period_is_a_share_of_the_year():
    result = footprint(FootprintInputs(Device(METER, 5.0)), FACTORS)
    assert result.over(365.25).central == pytest.approx(result.total[1].central)
    assert result.over(36.525, truncation=2).high == pytest.approx(result.total[2].high / 10)


def test_an_unknown_block_is_named():
    with pytest.raises(FactorError, match=r"iot\.block\.pcb\.hsl7"):
        footprint(FootprintInputs(Device({"pcb": 7}, 5.0)), FACTORS)
