"""When a deployment has paid back, by hand; and when it never does."""

import pytest

from cobenefit_backend.estimate.break_even import break_even
from cobenefit_backend.estimate.device import device_of
from cobenefit_backend.estimate.footprint import FootprintInputs, footprint
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.factors.load import load
from cobenefit_boards import load as board

FACTORS = load()
OWN = footprint(
    FootprintInputs(
        device_of(board("unix"), energy_wh_per_year=4380),
        count=3, gateway=device_of(board("rpi_4_gateway")), gateway_shared_by=10,
        backend_shared_by=50,
    ),
    FACTORS,
)  # fmt: skip
DAYS = 365.25


def effect(low, central, high):
    return Interval(low, central, high)


def asked(effect_, own=OWN, use_case="remote_assistance", **details):
    return break_even(use_case, effect_, own, DAYS, details)


def test_one_off_and_running_make_up_the_yearly_footprint():
    stages = OWN.stages[1]
    life = device_of(board("unix")).lifetime_years
    made = sum(stages[s].central for s in ("manufacture", "installation", "end_of_life")) * life
    assert OWN.one_off.central > made  # and the gateway's and the server's share
    used = sum(stages[s].central for s in ("use", "batteries", "network"))
    assert used < OWN.running.central < OWN.total[1].central


def test_years_and_units_by_hand():
    found = asked(effect(40, 50, 60), cases=40)
    gain = 50 - OWN.running.central
    assert found["years"] == pytest.approx(OWN.one_off.central / gain)
    assert found["years_earliest"] < found["years"] < found["years_latest"]
    assert found["units_per_year"] == pytest.approx(OWN.total[1].central / (50 / 40))
    assert (found["verdict"], found["unit"]) == ("reached", "cases")


def test_an_effect_below_the_running_emissions_never_pays_back():
    found = asked(effect(0, OWN.running.central / 2, 90))
    assert (found["verdict"], found["years"], found["years_latest"]) == ("never", None, None)
    assert found["years_earliest"] is not None
    assert asked(effect(-9, -5, -1))["verdict"] == "never"


def test_paying_back_after_the_end_of_life_is_no_pay_back():
    between = (OWN.running.central + OWN.total[1].central) / 2
    found = asked(effect(between, between, between))
    assert found["verdict"] == "after_its_life"
    assert found["years"] > 0


def test_an_indicator_has_no_break_even_and_a_bare_footprint_no_date():
    assert asked(None)["verdict"] == "no_effect"
    found = asked(effect(4, 5, 6), Interval(1, 2, 3), cases=10)
    assert (found["verdict"], found["years"]) == ("unknown", None)
    assert found["units_per_year"] == pytest.approx(2 / 0.5)
