from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cobenefit_gateway.core.windows import base_start_ms, day_edges_ms, day_length_s, day_start_ms

EDGES = day_edges_ms("Europe/Paris", 2006, 2030)


@given(st.datetimes(datetime(2006, 1, 1), datetime(2030, 12, 30)))  # noqa: DTZ001
def test_a_day_starts_at_local_midnight(when):
    zone = ZoneInfo("Europe/Paris")
    t_ms = int(when.replace(tzinfo=zone).timestamp() * 1000)
    start_ms = int(day_start_ms(np.array([t_ms]), EDGES)[0])
    start = datetime.fromtimestamp(start_ms / 1000, zone)
    assert (start.hour, start.minute) == (0, 0)
    assert start.date() == datetime.fromtimestamp(t_ms / 1000, zone).date()
    assert 0 <= t_ms - start_ms < day_length_s(start_ms, EDGES) * 1000


@pytest.mark.parametrize(
    ("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25), ("2024-06-01", 24)]
)
def test_clock_changes(day, hours):
    start = datetime.fromisoformat(day).replace(tzinfo=ZoneInfo("Europe/Paris"))
    assert day_length_s(int(start.timestamp() * 1000), EDGES) == hours * 3600


def test_base_windows_are_multiples_of_their_length():
    t_ms = np.array([0, 599_999, 600_000, 1_234_567])
    assert base_start_ms(t_ms, 600_000).tolist() == [0, 0, 600_000, 1_200_000]


def test_a_time_outside_the_edges_is_refused():
    with pytest.raises(ValueError, match="outside"):
        day_start_ms(np.array([EDGES[-1]]), EDGES)
