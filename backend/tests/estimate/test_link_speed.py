"""A link speed is length over travel time, stops included."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_backend.estimate.link_speed import in_order, speed_bins


def test_a_kilometre_in_two_minutes_is_30_km_h():
    assert speed_bins(1.0, np.array([120.0]), np.array([7.0])) == [(pytest.approx(30.0), 7.0)]


def test_a_stop_is_in_the_link_speed_where_a_spot_sees_none_of_it():
    # 1 km driven at 60 km/h takes 60 s; 60 s at the signal halve the link speed
    speed, _ = speed_bins(1.0, np.array([60.0 + 60.0]), np.ones(1))[0]
    assert speed == pytest.approx(30.0)


def test_vehicles_that_overtake_keep_the_mean_travel_time():
    upstream = np.array([0.0, 10.0, 20.0])
    taken = np.array([100.0, 80.0, 90.0])  # the second overtakes the first
    assert in_order(upstream, (upstream + taken)[::-1]).mean() == pytest.approx(taken.mean())


@given(st.lists(st.tuples(st.floats(5, 3600), st.integers(1, 50)), min_size=1, max_size=40))
def test_bins_keep_vehicles_and_vehicle_hours(rows):
    time_s, vehicles = (np.array(each, dtype=float) for each in zip(*rows, strict=True))
    bins = speed_bins(0.7, time_s, vehicles)
    assert sum(n for _, n in bins) == pytest.approx(vehicles.sum())
    hours = sum(n * 0.7 / v for v, n in bins)
    assert hours == pytest.approx(float(vehicles @ time_s) / 3600)
    assert all(high - low > 0 for (low, _), (high, _) in pairwise(bins))


@pytest.mark.parametrize(
    ("upstream", "downstream", "message"),
    [([0.0], [5.0, 6.0], "1 passages upstream and 2 downstream"), ([9.0], [5.0], "check clocks")],
)
def test_what_cannot_be_matched_is_refused(upstream, downstream, message):
    with pytest.raises(ValueError, match=message):
        in_order(np.array(upstream), np.array(downstream))
