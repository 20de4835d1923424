"""Non-routine events: left out or estimated, within limits, and never by themselves."""

import numpy as np
import pytest

from cobenefit_backend.estimate.events import Event, levels, limit_records, taken_off
from cobenefit_backend.estimate.meter_models import Sides, compare
from cobenefit_backend.estimate.quantity import Interval
from cobenefit_backend.estimate.smart_meter import SmartMeterInputs, estimate
from cobenefit_backend.factors.load import load

START = np.datetime64("2022-01-01")


def mask(first=0, last=0, meters=1, days=365):
    found = np.zeros((meters, days), dtype=bool)
    found[:, first:last] = True
    return found


def homes(*, meters=1, added=0.0, where=slice(200, 260), side=1, seed=3):
    """Return two years of use, with something besides in part of one of them."""
    rng = np.random.default_rng(seed)
    degc = 11 - 9 * np.cos(np.arange(730) / 365 * 2 * np.pi)
    use = 8 + 0.8 * np.maximum(15 - degc, 0) + rng.normal(0, 0.8, (meters, 730))
    use[:, 365:] *= 0.9
    offset = 365 * side
    use[:, where.start + offset : where.stop + offset] += added
    return Sides(use[:, :365], use[:, 365:], degc[:365], degc[365:], START, START + 365)


def codes(records):
    return {record.code for record in records}


def test_the_indicator_by_hand():
    use = np.array([[9.0, 18.0, 14.0, 16.0, np.nan, 9.0]])
    expected = np.array([[10.0, 20.0, 10.0, 10.0, 10.0, 10.0]])
    under = np.array([[False, False, True, True, True, False]])
    effect, count, outside = levels(use, expected, [under])  # a tenth is saved outside
    assert (effect.tolist(), count.tolist(), outside.tolist()) == ([[6.0]], [[2]], [3])
    assert taken_off(use, effect, [under])[0, :4].tolist() == [9.0, 18.0, 8.0, 10.0]


def test_the_indicator_is_the_coefficient_of_least_squares():
    rng = np.random.default_rng(5)
    expected = rng.uniform(5, 15, (1, 200))
    use = 0.9 * expected + rng.normal(size=(1, 200))
    masks = [mask(20, 50, days=200), mask(100, 120, days=200)]
    root = 1 / np.sqrt(expected[0])
    outside = ~(masks[0] | masks[1])[0]
    slope = np.linalg.lstsq(
        (expected[0] * root)[outside, None], (use[0] * root)[outside], rcond=None
    )[0]
    for effect, under in zip(levels(use, expected, masks)[0], masks, strict=True):
        assert effect[0] == pytest.approx((use - slope * expected)[under].mean())


@pytest.mark.parametrize("side", [0, 1])
def test_an_adjusted_event_gives_the_saving_back(side):
    sides = homes(added=6.0, side=side)
    acted, none = mask(200, 260), mask()
    event = Event("adjust", *((acted, none) if side == 0 else (none, acted)))
    wrong, right = compare("daily", sides), compare("daily", sides, events=[event])
    clean = compare("daily", homes())
    assert abs(wrong.saved.savings_kwh[0] - clean.saved.savings_kwh[0]) > 150
    assert right.saved.savings_kwh[0] == pytest.approx(clean.saved.savings_kwh[0], abs=40)
    effect = right.effects[0][side]
    assert effect.low < 360 < effect.high
    assert right.effects[0][1 - side] is None or right.effects[0][1 - side].central == 0
    assert codes(right.records) == {"event_adjusted"}


def test_days_under_an_estimated_event_carry_no_information():
    event = Event("adjust", mask(), mask(200, 280))
    plain, adjusted = compare("daily", homes()), compare("daily", homes(), events=[event])
    ratio = adjusted.saved.half_width_90_kwh / plain.saved.half_width_90_kwh
    # 365 days from 285: sqrt(365/285), less the polynomial of nine months in place of twelve
    assert 1.05 < ratio[0] < 365 / 285


def test_the_interval_of_an_effect_holds_the_truth():
    event = Event("adjust", mask(meters=1), mask(200, 260))
    inside = 0
    for seed in range(60):
        found = compare("daily", homes(added=2.0, seed=seed), events=[event]).effects[0][1]
        inside += found.low <= 120 <= found.high
    assert inside >= 48  # 90 % nominal less 2.5 binomial standard errors of 60


def test_excluded_days_are_counted_on_neither_side():
    event = Event("exclude", mask(), mask(200, 230))
    found = compare("daily", homes(added=6.0, where=slice(200, 230)), events=[event])
    assert found.saved.valid_days.tolist() == [335]
    assert found.saved.savings_ratio[0] == pytest.approx(0.1, abs=0.02)
    assert codes(found.records) == {"event_excluded"}


def test_an_event_of_one_meter_leaves_the_others_alone():
    acted = mask(200, 260, meters=2)
    acted[1] = False
    event = Event("adjust", mask(meters=2), acted)
    sides = homes(meters=2)
    plain, found = compare("daily", sides), compare("daily", sides, events=[event])
    assert found.saved.savings_kwh[1] == plain.saved.savings_kwh[1]
    assert found.saved.half_width_90_kwh[1] == pytest.approx(plain.saved.half_width_90_kwh[1])


@pytest.mark.parametrize(
    ("treatment", "days", "beyond"),
    [("exclude", 36, False), ("exclude", 37, True), ("adjust", 91, False), ("adjust", 92, True)],
)
def test_limits(treatment, days, beyond):
    found = codes(limit_records([Event(treatment, mask(), mask(0, days))]))
    assert ("events_beyond_limit" in found) is beyond


def test_too_few_days_outside_is_beyond_the_limit():
    short = Event("adjust", mask(), mask(0, 10, days=35))
    (_, record) = limit_records([short])
    assert record.data["reporting_outside"] == 25


def test_beyond_the_limit_nothing_is_claimed():
    sides = homes()
    inputs = SmartMeterInputs(
        sides.baseline_kwh, sides.reporting_kwh, sides.baseline_degc, sides.reporting_degc,
        comparison_ratio=Interval(-0.01, 0.0, 0.01),
        events=(Event("adjust", mask(), mask(0, 150)),),
    )  # fmt: skip
    result = estimate(inputs, load(), Interval.exactly(0.0))
    assert result.evidence_class == "P"
    assert "events_beyond_limit" in codes(result.disqualifications)


def test_hours_take_events_too():
    rng = np.random.default_rng(1)
    use = 1 + rng.normal(0, 0.1, (1, 24 * 730))
    use[:, 24 * 565 : 24 * 625] += 0.5
    degc = np.tile(10 + 5 * np.sin(np.arange(24) / 24 * 2 * np.pi), 730)
    half = 24 * 365
    start = START.astype("datetime64[h]")
    sides = Sides(use[:, :half], use[:, half:], degc[:half], degc[half:], start, start + half)
    acted = np.repeat(mask(200, 260), 24, axis=1)
    event = Event("adjust", np.zeros_like(acted), acted)
    found = compare("hourly", sides, events=[event])
    assert found.effects[0][1].central == pytest.approx(0.5 * 24 * 60, rel=0.02)
    assert found.saved.savings_ratio[0] == pytest.approx(0.0, abs=0.005)
