"""Blocks and sites give what the whole gives."""

import numpy as np
import pytest

from cobenefit_backend.estimate.baseline import fit, usable
from cobenefit_backend.estimate.fleet import Block, of_fleet
from cobenefit_backend.estimate.savings import savings
from cobenefit_backend.estimate.sites import propagate_sites
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

NITROGEN = "fert.n.manufacture.lal2004"


def meters(count=7):
    rng = np.random.default_rng(3)
    degc = 12 + 9 * np.sin(np.arange(365) / 58) + rng.normal(0, 2, 365)
    use = 5 + rng.uniform(0, 2, (count, 1)) * np.maximum(15 - degc, 0)
    use += rng.normal(0, 0.5, use.shape)
    use[2, 5:9] = 0.0
    return use, degc


def test_blocks_are_the_same_as_the_whole():
    use, degc = meters()
    blocks = [Block(use[rows], 0.9 * use[rows], degc, degc) for rows in (slice(3), slice(3, 7))]
    models, saved = of_fleet(blocks)
    whole = fit(use, degc)
    expected = savings(whole, usable(0.9 * use, "electricity"), degc)
    assert models.model.tolist() == whole.model.tolist()
    assert models.expected_days == 365
    assert saved.savings_kwh == pytest.approx(expected.savings_kwh, rel=1e-9)
    assert saved.half_width_90_kwh == pytest.approx(expected.half_width_90_kwh, rel=1e-9)
    assert saved.valid_days[2] == 361


def test_blocks_of_other_lengths_and_no_block_are_refused():
    use, degc = meters()
    with pytest.raises(ValueError, match="expected_days"):
        of_fleet([Block(use, use, degc, degc), Block(use[:, :300], use, degc[:300], degc)])
    with pytest.raises(ValueError, match="at least one block"):
        of_fleet([])


def test_own_errors_average_out_and_shared_ones_do_not():
    measured = np.full(400, 1000.0)
    draws = Draws(load())
    certain = propagate_sites(draws, lambda f, m: m * f(NITROGEN), measured, np.zeros(400))
    noisy = propagate_sites(draws, lambda f, m: m * f(NITROGEN), measured, np.full(400, 500.0))
    alone = propagate_sites(draws, lambda f, m: m, measured, np.full(400, 500.0))
    # the factor's interval is the whole portfolio's, however many sites
    each = certain.high[0] - certain.low[0]
    assert each > 0
    assert certain.total.high - certain.total.low == pytest.approx(400 * each, rel=1e-9)
    # own errors alone: 500 x sqrt(400) = 10000; 10 000 draws fix a half-width to 3 %
    assert alone.total.half_width == pytest.approx(10_000, rel=0.03)
    assert noisy.total.half_width == pytest.approx(certain.total.half_width, rel=0.05)
    assert (noisy.high - noisy.low > 1.1 * each).all()


def test_each_site_has_its_own_interval():
    found = propagate_sites(
        Draws(load()), lambda f, m: 2.0 * m, np.array([10.0, 20.0]), np.array([1.0, 4.0])
    )
    assert found.central.tolist() == [20.0, 40.0]
    # 10 000 draws fix a 5 % end to about 3 % of the half-width
    assert found.high - found.central == pytest.approx([2.0, 8.0], rel=0.05)


@pytest.mark.parametrize(("value", "width"), [(np.nan, 1.0), (1.0, np.inf), (1.0, -1.0)])
def test_a_site_without_an_interval_is_refused(value, width):
    with pytest.raises(ValueError, match="half-width"):
        propagate_sites(Draws(load()), lambda f, m: m, np.array([value]), np.array([width]))
