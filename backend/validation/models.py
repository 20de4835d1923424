"""Judge every baseline model on simulated meters: truth, placebo, label swap, oracle."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from simulate import DAYS, FIRST_DAY, bill_starts, fleet, hourly_home, hourly_homes, schools

from cobenefit_backend.estimate import billing, hourly
from cobenefit_backend.estimate.bills import Bills
from cobenefit_backend.estimate.comparison import compare as with_group
from cobenefit_backend.estimate.meter_models import Model, Sides, compare
from cobenefit_backend.estimate.savings import Savings

FOLDER = Path(__file__).parent
YEAR = DAYS // 2
TRUE_SAVING = 0.08
Pairs = list[tuple[float, float]]


@dataclass(frozen=True)
class Judged:
    """What one model does on meters whose truth is written.

    Attributes
    ----------
    name : str
        The model.
    meters : int
        How many of each kind. [1]
    coverage : float
        Share of the 90 % intervals that hold the truth. [1]
    placebo : float
        Share that contains zero where nothing was done. [1]
    bias_ratio : float
        Estimated less true saving, as a share of the use. [1]
    half_width_ratio : float
        Median half-width as a share of the use. [1]
    """

    name: str
    meters: int
    coverage: float
    placebo: float
    bias_ratio: float
    half_width_ratio: float


def judge(homes: int) -> list[Judged]:
    """Judge every model; the hourly one on a quarter of the homes, as it takes longest.

    Parameters
    ----------
    homes : int
        How many of each kind. [1]

    Returns
    -------
    list of Judged
        Daily, billing, hourly; daily and split on schools.
    """
    few = max(homes // 4, 1)
    return [
        _judged("daily, homes", homes, fleet, lambda u, d: _daily("daily", u, d)),
        _judged("billing, homes", homes, fleet, _billed),
        _judged("hourly, homes", few, hourly_homes, _by_hour),
        _judged("daily, schools", homes, schools, lambda u, d: _daily("daily", u, d)),
        _judged("split, schools", homes, schools, lambda u, d: _daily("split", u, d)),
        _judged("split, homes", homes, fleet, lambda u, d: _daily("split", u, d)),
    ]


def _judged(name: str, meters: int, make: Any, run: Any) -> Judged:
    use, degc = make(meters, TRUE_SAVING)
    after = use[:, use.shape[1] // 2 :].sum(axis=1)
    saved: Savings = run(use, degc)
    truth = after * TRUE_SAVING / (1 - TRUE_SAVING)
    error = saved.savings_kwh - truth
    nothing: Savings = run(*make(meters, 0.0, first=20_000))
    return Judged(
        name,
        meters,
        float((np.abs(error) <= saved.half_width_90_kwh).mean()),
        float((~nothing.significant).mean()),
        float(error.sum() / saved.counterfactual_kwh.sum()),
        float(np.median(saved.half_width_90_kwh / saved.counterfactual_kwh)),
    )


def _sides(use: Any, degc: Any, per_day: int) -> Sides:
    half = YEAR * per_day
    start = np.datetime64(FIRST_DAY)
    return Sides(
        use[:, :half],
        use[:, half:],
        degc[..., :half],
        degc[..., half:],
        start if per_day == 1 else start.astype("datetime64[h]"),
        start + YEAR if per_day == 1 else (start + YEAR).astype("datetime64[h]"),
    )


def _daily(model: Model, use: Any, degc: Any) -> Savings:
    return compare(model, _sides(use, degc, 1)).saved


def _by_hour(use: Any, degc: Any) -> Savings:
    return compare("hourly", _sides(use, degc, 24)).saved


def _billed(use: Any, degc: Any) -> Savings:
    edges = np.round(np.linspace(0, YEAR, 13)).astype(np.intp)[None]
    before, after = (
        Bills(_between(use[:, part], edges[0]), edges, degc[:, part])
        for part in (slice(0, YEAR), slice(YEAR, DAYS))
    )
    return billing.savings(billing.fit(before), after)


def _between(use: Any, edges: Any) -> Any:
    return np.add.reduceat(use, edges[:-1], axis=1)


def swapped_labels(homes: int) -> tuple[float, float]:
    """Return what a comparison finds, and what it finds with treated and untreated swapped.

    Parameters
    ----------
    homes : int
        Homes in each group; the treated ones save 8 %. [1]

    Returns
    -------
    tuple of float
        Savings ratios: about 0.08, and about -0.08 / (1 - 0.08). [1]
    """
    saving = np.repeat((TRUE_SAVING, 0.0), homes)
    saved = _daily("daily", *fleet(2 * homes, saving, first=30_000))
    groups = [_rows(saved, part) for part in (slice(homes), slice(homes, None))]
    everyone = np.arange(homes)
    found = with_group(*groups, everyone, seed=1).savings_ratio.central
    return found, with_group(*groups[::-1], everyone, seed=1).savings_ratio.central


def _rows(saved: Savings, part: slice) -> Savings:
    names = [name for name in Savings.__dataclass_fields__ if name != "expected_days"]
    return Savings(**{n: getattr(saved, n)[part] for n in names}, expected_days=YEAR)


def billing_oracle() -> Pairs:
    """Return the expected use of each bill by eemeter and by us.

    Returns
    -------
    list of tuple
        In order of homes and bills. [kWh]
    """
    pairs: Pairs = []
    for row in _frozen("oracle_billing.json")["homes"]:
        use, degc = (side[0] for side in fleet(1, TRUE_SAVING * (row["seed"] % 2), row["seed"]))
        starts = bill_starts(row["seed"], row["months"])
        energy = _sums(use, starts)
        half = len(energy) // 2
        first = Bills(energy[None, :half], starts[None, : half + 1], degc[None])
        second = Bills(energy[None, half:], starts[None, half:], degc[None])
        expected = billing.predict(billing.fit(first, row["fuel"]).models, second)[0]
        pairs += list(zip(row["predicted_kwh"], expected.tolist(), strict=True))
    return pairs


def _sums(use: Any, starts: Any) -> Any:
    return np.diff(np.concatenate(([0.0], np.cumsum(use)))[starts])


def hourly_oracle() -> Pairs:
    """Return the expected use of some hours by eemeter and by us.

    Returns
    -------
    list of tuple
        In order of offices and hours. [kWh]
    """
    frozen = _frozen("oracle_hourly.json")
    start, half = np.datetime64(FIRST_DAY, "h"), 24 * YEAR
    pairs: Pairs = []
    for office in frozen["offices"]:
        use, degc = hourly_home(office["seed"])
        models = hourly.fit(use[:half], degc[:half], start)
        expected = hourly.predict(models, degc[half:], start + np.timedelta64(half, "h"))[0]
        kept = expected[:: frozen["step"]].tolist()
        pairs += [
            (theirs, ours)
            for theirs, ours in zip(office["predicted_kwh"], kept, strict=True)
            if np.isfinite(theirs)
        ]
    return pairs


def _frozen(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found
