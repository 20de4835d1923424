"""The first look at runs leaves every flag as the check reading by reading sets it."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cobenefit_gateway import config
from cobenefit_gateway.batch import Piece, gather
from cobenefit_gateway.core import quality
from cobenefit_gateway.core.screen import screen
from cobenefit_gateway.readings import Readings
from cobenefit_gateway.state import State, rule_of

NOW_MS = 1_700_000_000_000
VALUES = st.sampled_from([0.0, 500.0, 230.0, -0.1, 500.1, np.inf, -np.inf, np.nan])
STEPS_MS = st.sampled_from([0, 1000, 3_600_000, 86_400_000 * 30])
STARTS_MS = st.sampled_from([0, NOW_MS - 86_400_000 * 40, NOW_MS - 5000, NOW_MS, NOW_MS * 2])
READING = st.tuples(VALUES, STEPS_MS, st.sampled_from([0, 0, 0, 1, 99]))
RUNS = st.lists(st.tuples(STARTS_MS, st.lists(READING, min_size=1, max_size=4)), min_size=1)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory):
    file = tmp_path_factory.mktemp("readings") / "gateway.toml"
    file.write_text('tenant = "t"\n')
    return config.load(file)


@given(runs=RUNS, newest_ms=st.sampled_from([None, NOW_MS]))
@settings(deadline=None, max_examples=150)
def test_flags_are_those_of_each_reading(gateway, runs, newest_ms):
    state = State()
    series = state.add_series(1, ("s", "d", "voltage_v"), rule_of(gateway, "s", "d", "voltage_v"))
    if newest_ms is not None:
        state.table.max_t_ms[1] = newest_ms
    n = np.array([len(run) for _, run in runs])
    value = np.array([v for _, run in runs for v, _, _ in run])
    t_ms = np.concatenate([at + np.cumsum([step for _, step, _ in run]) for at, run in runs])
    given_codes = np.array([code for _, run in runs for _, _, code in run], dtype=np.uint8)
    piece = Piece([series] * n.size, [NOW_MS] * n.size, n, n * 0, t_ms, value, given_codes)
    batch = gather([piece])
    readings = Readings(gateway, state, lambda *_: None)
    readings._flag(batch, screen(batch.value, batch.t_ms, batch.starts))
    oldest_ms = max(int(state.table.max_t_ms[1]) - readings._reopen_ms, -(1 << 62))
    limits = quality.Limits(
        low=np.full(value.size, series.rule.low),
        high=np.full(value.size, series.rule.high),
        earliest_ms=np.full(value.size, readings._earliest_ms),
        latest_ms=np.full(value.size, NOW_MS + readings._future_ms),
    )
    expected = quality.flag(value, t_ms, given_codes, np.full(value.size, oldest_ms), limits)
    assert batch.code.tolist() == expected.tolist()
