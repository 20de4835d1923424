"""Each function of the core under pytest-benchmark; run by `bench_functions.py`.

A batch is a thousand packs of sixty readings, as a busy second brings them.
"""

import numpy as np
import pytest

from cobenefit_gateway.core import aggregate, neighbours, quality
from cobenefit_gateway.core.partials import partials
from cobenefit_gateway.core.rollup import Runs, cut, in_order, join, rollup
from cobenefit_gateway.core.windows import Days, Every, day_edges_ms

PACKS, READINGS = 1000, 60
N = PACKS * READINGS
RNG = np.random.default_rng(1)
STARTS = np.arange(0, N, READINGS)
T_MS = (
    1_600_041_600_000
    + np.tile(np.arange(READINGS) * 10_000, PACKS)
    + np.repeat(RNG.integers(0, 600_000, PACKS), READINGS)
)
COUNTER = np.cumsum(RNG.integers(0, 9, N)).astype(np.float64)
GAUGE = RNG.normal(230.0, 3.0, N)
GAP_MS, MODULUS = np.full(PACKS, 30_000), np.zeros(PACKS)
RUNS = Runs(COUNTER, T_MS, STARTS, np.arange(PACKS), GAP_MS, MODULUS)
SINGLES = RNG.permutation(N)
BY_TEN_MINUTES = Every(600_000)


def measure(benchmark, size, function, *arguments):
    benchmark.extra_info["size"] = size
    return benchmark(function, *arguments)


@pytest.mark.parametrize("value", [COUNTER, GAUGE], ids=["counter", "gauge"])
def test_partials(benchmark, value):
    measure(benchmark, N, partials, value, T_MS, STARTS, GAP_MS, MODULUS)


def test_partials_uneven_steps(benchmark):
    t_ms = T_MS + RNG.integers(0, 3, N)
    measure(benchmark, N, partials, GAUGE, t_ms, STARTS, GAP_MS, MODULUS)


@pytest.mark.parametrize(
    "grid",
    [BY_TEN_MINUTES, Days(day_edges_ms("Europe/Paris", 2019, 2026))],
    ids=["ten_minutes", "days"],
)
def test_cut(benchmark, grid):
    measure(benchmark, N, cut, RUNS, grid)


def test_join(benchmark):
    parts = partials(COUNTER, T_MS, STARTS, GAP_MS, MODULUS)
    benchmark.extra_info["unit"] = "runs"
    measure(benchmark, PACKS, join, parts, np.arange(0, PACKS, 10), GAP_MS, MODULUS)


def test_rollup(benchmark):
    measure(benchmark, N, rollup, RUNS, BY_TEN_MINUTES)


def test_in_order_singles(benchmark):
    runs = Runs(
        COUNTER[SINGLES], T_MS[SINGLES], np.arange(N), np.repeat(RUNS.series, READINGS)[SINGLES],
        np.full(N, 30_000), np.zeros(N),
    )  # fmt: skip
    measure(benchmark, N, in_order, runs)


def test_insert(benchmark):
    links = aggregate.Links(30_000, 15_000, 0.0)
    parts = aggregate.segments(COUNTER, T_MS, STARTS, np.full(N, 30_000), np.zeros(N))

    def insert_all():
        for part in parts:
            aggregate.insert([], part, links)

    benchmark.extra_info["unit"] = "runs"
    measure(benchmark, PACKS, insert_all)


def test_flag(benchmark):
    limits = quality.Limits(
        np.zeros(N), np.full(N, 1e10), np.zeros(N, np.int64), np.full(N, 1 << 60)
    )
    given, oldest_ms = np.zeros(N, np.uint8), np.zeros(N, np.int64)
    measure(benchmark, N, quality.flag, COUNTER, T_MS, given, oldest_ms, limits)


def test_went_back(benchmark):
    values = COUNTER[:READINGS].tolist()
    measure(benchmark, READINGS, quality.went_back, values, 0.0, float("nan"), 0.0)


def test_too_fast(benchmark):
    rate = np.full(PACKS, 27.8)
    measure(benchmark, N, neighbours.too_fast, COUNTER, T_MS, STARTS, rate)


def test_stuck(benchmark):
    measure(benchmark, N, neighbours.stuck, GAUGE, T_MS, STARTS, np.full(PACKS, 60_000))


def test_outliers(benchmark):
    measure(benchmark, N, neighbours.outliers, GAUGE, STARTS, np.full(PACKS, 3.0))


def test_histogram(benchmark):
    edges = np.arange(200.0, 260.0, 5.0)
    measure(benchmark, READINGS, aggregate.histogram, GAUGE[:READINGS], edges)
