"""Speed of the estimates: baselines, a fleet of 50 000 meters, Monte Carlo over 1000 sites.

Run: PYTHONPATH=firmware:backend:boards python backend/benchmarks/bench_estimates.py
CPU time of all threads, the best of several runs: other work on the machine only ever adds. The
fleet runs in a process of its own, so that its peak of memory is its own.
"""

# ruff: noqa: INP001  a script, not a package
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from cobenefit_backend.estimate import baseline, billing, hourly, split
from cobenefit_backend.estimate.bills import Bills
from cobenefit_backend.estimate.fleet import Block, of_fleet
from cobenefit_backend.estimate.meter_models import Sides, compare
from cobenefit_backend.estimate.sites import propagate_sites
from cobenefit_backend.estimate.uncertainty import Draws
from cobenefit_backend.factors.load import load

METERS = 2000
FLEET = 50_000
BLOCK = 2500
SITES = 1000
DAYS = 365
RUNS = 5


def main() -> None:
    """Print one row per figure."""
    peer = eemeter_us("daily")
    degc, own, use = weather_and_use(METERS)
    shared = best_s(lambda: baseline.fit(use, degc)) / METERS * 1e6
    row("baseline_shared_us", shared, "us/meter", peer)
    row("baseline_own_us", best_s(lambda: baseline.fit(use, own)) / METERS * 1e6, "us/meter", peer)
    edges = np.linspace(0, DAYS, 13).astype(np.intp)
    bills = Bills(np.add.reduceat(use, edges[:-1], axis=1), edges[None], degc[None])
    row("baseline_billing_us", best_s(lambda: billing.fit(bills)) / METERS * 1e6, "us/meter")
    days = np.datetime64("2022-01-01") + np.arange(DAYS)
    seasons = best_s(lambda: split.fit_split(use, degc, days), 2) / METERS * 1e6
    row("baseline_split_us", seasons, "us/meter")
    hours = eemeter_us("hourly")
    row("baseline_hourly_ms", hourly_s() * 1e3, "ms/meter", hours and hours / 1e3)
    row("savings_hourly_ms", hourly_s(savings=True) * 1e3, "ms/meter")
    done = subprocess.run(
        [sys.executable, __file__, "fleet"], stdout=subprocess.PIPE, text=True, check=True
    )
    print(done.stdout, end="", flush=True)
    row("monte_carlo_sites_s", best_s(monte_carlo), "s")


def fleet() -> None:
    """Print time and peak memory of 50 000 meters with savings and uncertainty."""
    made_s = 0.0

    def _blocks() -> Iterator[Block]:
        nonlocal made_s
        for seed in range(FLEET // BLOCK):
            begun_s = time.process_time()
            degc, _, use = weather_and_use(BLOCK, seed, own=False)
            made_s += time.process_time() - begun_s
            yield Block(use, 0.93 * use[:, ::-1], degc, degc[::-1])

    begun_s = time.process_time()
    _, saved = of_fleet(_blocks())
    taken_s = time.process_time() - begun_s - made_s
    assert len(saved.savings_kwh) == FLEET, "meters are missing"
    assert np.isfinite(saved.half_width_90_kwh).all(), "a meter has no interval"
    row("fleet_50k_s", taken_s, "s")
    row("fleet_50k_mb", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, "MB")


def monte_carlo() -> None:
    """Propagate 10 000 draws through 1000 sites."""
    draws = Draws(load())
    rng = np.random.default_rng(1)
    saved = rng.uniform(100, 900, SITES)
    found = propagate_sites(
        draws, lambda f, m: m * f("fert.n.manufacture.lal2004"), saved, 0.3 * saved
    )
    assert found.low.shape == (SITES,), "sites are missing"


def hourly_s(*, savings: bool = False) -> float:
    """Return the time of one meter's hourly model [s], of 25 with their own year."""
    hours = np.arange(24 * DAYS)
    rng = np.random.default_rng(3)
    degc = 11 - 9 * np.cos(hours / 8760 * 2 * np.pi) + 4 * np.sin(hours / 24 * 2 * np.pi)
    use = rng.random((25, len(hours))) + 0.1 * np.maximum(16 - degc, 0)
    start = np.datetime64("2022-01-01T00")
    if not savings:
        return best_s(lambda: hourly.fit(use, degc, start), 2) / 25
    later = start + np.timedelta64(len(hours), "h")
    sides = Sides(use, 0.9 * use, degc, degc, start, later)
    return best_s(lambda: compare("hourly", sides), 2) / 25


def weather_and_use(
    meters: int, seed: int = 0, *, own: bool = True
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return shared [degC] and own [degC] temperatures and daily use [kWh] of a year."""
    rng = np.random.default_rng(seed)
    degc = 11 - 9 * np.cos(np.arange(DAYS) / DAYS * 2 * np.pi) + rng.normal(0, 3, DAYS)
    slope = rng.uniform(0, 2, (2, meters, 1))
    use = 8 + slope[0] * np.maximum(16 - degc, 0) + slope[1] * np.maximum(degc - 19, 0)
    use += rng.normal(0, 1.5, use.shape)
    return degc, degc + rng.normal(0, 1, use.shape) if own else degc, use


def best_s(work: Callable[[], object], runs: int = RUNS) -> float:
    """Return the shortest CPU time of a few runs [s]."""
    taken = []
    for _ in range(runs):
        begun_s = time.process_time()
        work()
        taken.append(time.process_time() - begun_s)
    return min(taken)


def eemeter_us(model: str) -> float | None:
    """Return the time of eemeter 2.10.11 for each meter [us], None (and why) where it is not."""
    python = os.environ.get("COBENEFIT_EEMETER")
    if not python:
        print("eemeter not run: COBENEFIT_EEMETER names no Python", file=sys.stderr)
        return None
    script = Path(__file__).with_name("eemeter_peer.py")
    done = subprocess.run(
        [python, "-W", "ignore", str(script), model], capture_output=True, text=True, check=False
    )
    if done.returncode:
        print(f"eemeter not run: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return float(done.stdout)


def row(name: str, value: float, unit: str, peer_value: float | None = None) -> None:
    """Print one row; the ratio says how many times faster than the peer."""
    named = "eemeter 2.10.11" if peer_value else None
    ratio = peer_value / value if peer_value else None
    line = {"name": name, "value": value, "unit": unit, "peer": named, "ratio": ratio}
    print(json.dumps(line), flush=True)


if __name__ == "__main__":
    fleet() if sys.argv[1:] == ["fleet"] else main()
