"""Write docs/explanation/validation.md and its plots: `make validation`.

Simulated homes with a written truth (`simulate.py`), fitted as a municipality's would be.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from models import Judged, Pairs, billing_oracle, hourly_oracle, judge, swapped_labels
from simulate import fleet

from cobenefit_backend.estimate.baseline import MODELS, fit
from cobenefit_backend.estimate.comparison import compare
from cobenefit_backend.estimate.savings import Savings, relative_uncertainty, savings

ROOT = Path(__file__).resolve().parents[2]
ORACLE = Path(__file__).with_name("oracle.json")
PAGE = ROOT / "docs/explanation/validation.md"
IMAGES = ROOT / "docs/images"
HOMES = 1000
LEVELS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
_EEMETER = {
    "intercept_only": "intercept",
    "hdd_only": "hdd",
    "cdd_only": "cdd",
    "cdd_hdd": "hdd_cdd",
}
_W, _H, _M = 360, 260, 44


@dataclass(frozen=True)
class Checks:
    """What the simulated homes show.

    Attributes
    ----------
    coverage : dict
        Nominal confidence to the share of homes whose interval holds the truth. [1]
    placebo_ratio : ndarray
        "Savings" over half-width of homes in which nothing was done. [1]
    portfolio : tuple of float
        Estimated and true saving of the whole fleet. [1]
    groups : float
        Share of comparisons whose interval holds the truth, under a common shock. [1]
    oracle : list of tuple
        Savings by eemeter and by us, in order of the homes. [kWh]
    same_model : int
        Homes for which both choose the same model. [1]
    models : list of Judged
        Every model on meters of its kind.
    swapped : tuple of float
        Savings found with a comparison group, and with the labels swapped. [1]
    billing, hourly : list of tuple
        Expected use of bills and of hours, by eemeter and by us. [kWh]
    """

    coverage: dict[float, float]
    placebo_ratio: Any
    portfolio: tuple[float, float]
    groups: float
    oracle: list[tuple[float, float]]
    same_model: int
    models: list[Judged]
    swapped: tuple[float, float]
    billing: Pairs
    hourly: Pairs


def check(homes: int = HOMES) -> Checks:
    """Fit the simulated homes and compare with their truth.

    Parameters
    ----------
    homes : int
        How many of each kind. [1]

    Returns
    -------
    Checks
        Shares and figures.
    """
    true = np.linspace(0.0, 0.2, homes)
    use, degc = fleet(homes, true)
    saved, models = _saved(use, degc)
    truth = use[:, 365:].sum(axis=1) * true / (1 - true)
    coverage = {}
    for level in LEVELS:
        half = saved.counterfactual_kwh * relative_uncertainty(
            models.cv_rmse_adj, models.autocorrelation, models.valid_days, saved.valid_days,
            models.parameters, months=12, confidence=level,
        )  # fmt: skip
        coverage[level] = float((np.abs(saved.savings_kwh - truth) <= half).mean())
    nothing, _ = _saved(*fleet(homes, 0.0, first=homes))
    found, same = _oracle()
    return Checks(
        coverage,
        nothing.savings_kwh / nothing.half_width_90_kwh,
        (
            float(saved.savings_kwh.sum() / saved.counterfactual_kwh.sum()),
            float(truth.sum() / (use[:, 365:].sum() + truth.sum())),
        ),
        _groups(homes // 4),
        found,
        same,
        judge(homes),
        swapped_labels(homes // 4),
        billing_oracle(),
        hourly_oracle(),
    )


def _saved(use: Any, degc: Any) -> tuple[Savings, Any]:
    models = fit(use[:, :365], degc[:, :365])
    return savings(models, use[:, 365:], degc[:, 365:]), models


def _groups(trials: int) -> float:
    """Return how often a comparison group's interval holds the truth, after a shock of 10 %."""
    size, inside = 25, []
    use, degc = fleet(400, 0.0, first=10_000)
    for trial in range(trials):
        rng = np.random.default_rng([20250101, trial, size])
        homes = rng.permutation(len(use))[: 2 * size]
        year = use[homes]
        year[:, 365:] *= 0.9 * (1 + rng.normal(0, 0.05, (2 * size, 1)))
        year[:size, 365:] *= 0.95
        saved, _ = _saved(year, degc[homes])
        treated, pool = (_part(saved, part) for part in (slice(size), slice(size, None)))
        ratio = compare(treated, pool, np.arange(size), seed=trial).savings_ratio
        inside.append(ratio.low <= 0.05 * 0.9 <= ratio.high)
    return float(np.mean(inside))


def _part(saved: Savings, part: slice) -> Savings:
    names = [name for name in Savings.__dataclass_fields__ if name != "expected_days"]
    return Savings(**{n: getattr(saved, n)[part] for n in names}, expected_days=365)


def _oracle() -> tuple[list[tuple[float, float]], int]:
    rows = json.loads(ORACLE.read_text(encoding="utf-8"))["homes"]
    pairs, same = [], 0
    for row in rows:
        use, degc = fleet(1, 0.08 * (row["seed"] % 2), first=row["seed"])
        saved, models = _saved(use, degc)
        pairs.append((row["savings_kwh"], float(saved.savings_kwh[0])))
        same += MODELS[int(models.model[0])] == _EEMETER[row["model"]]
    return pairs, same


def page(checks: Checks, homes: int) -> str:
    """Return the page with the figures in it.

    Parameters
    ----------
    checks : Checks
        What was found.
    homes : int
        Homes of each kind. [1]

    Returns
    -------
    str
        Markdown.
    """
    placebo = float((np.abs(checks.placebo_ratio) <= 1).mean())
    gap = _gap(checks.oracle)
    models = "\n".join(
        f"| {m.name} | {m.meters} | {m.coverage:.1%} | {m.placebo:.1%} | {m.bias_ratio:+.2%} |"
        f" {m.half_width_ratio:.1%} |"
        for m in checks.models
    )
    forward, backward = checks.swapped
    found, true = checks.portfolio
    rows = "\n".join(f"| {level:.0%} | {share:.1%} |" for level, share in checks.coverage.items())
    return f"""# Validation: do the intervals hold what they say?

Written by `make validation`; do not edit. {homes} simulated homes of each kind with a written
truth: degree-day use, daily noise of 20 % with an autocorrelation of 0.3, savings of 0 to 20 %.

## Calibration

![Share of intervals that hold the truth, against the confidence stated](../images/calibration.svg)

| confidence stated | truth inside |
|---|---|
{rows}

Asked for: 85 to 95 % at 90 %. Added up, the fleet saved {true:.2%}; {found:.2%} was found.

## Placebo

![Savings over their half-width where nothing was done](../images/placebo.svg)

Where nothing was done, {placebo:.1%} of the 90 % intervals contain zero (asked for: at
least 85 %).

## Every model

The same for each baseline model, on meters that save 8 %, and on as many where nothing was done.
Bills are twelve a year; hours have a noise of 20 % by day and 50 % by hour, correlated from one to
the next (0.3 and 0.6); schools use less at weekends and half in July and August.

| model, meters | of each | truth inside 90 % | placebo holds zero | bias | half-width |
|---|---|---|---|---|---|
{models}

On schools the daily model takes the calendar for noise and is far too careful; the split model
knows it, and on homes it is the daily model.

## Comparison groups

A shock takes 10 % off everybody, homes change by 5 % by themselves, 25 homes save 5 % and are
compared with 25 others, {homes // 4} times: {checks.groups:.1%} of the 90 % intervals hold the
truth.

Labels: {homes // 4} homes that save 8 % against as many that do not show {forward:.2%}; with the
labels swapped they show {backward:.2%}, so the sign flips.

## Oracle

![Savings by eemeter 2.10.11 and by us](../images/oracle.svg)

![Expected use of bills, by eemeter and by us](../images/oracle_billing.svg)
![Expected use of hours, by eemeter and by us](../images/oracle_hourly.svg)

{len(checks.oracle)} homes fitted by eemeter 2.10.11 (its answers are frozen in
`backend/validation/oracle.json`; `derive_oracle.py` derives them again): the same model for
{checks.same_model}, savings equal to {gap:.0e} relative. {len(checks.billing)} bills of 20 homes:
equal to {_gap(checks.billing):.0e}; {len(checks.hourly)} hours of three offices: to
{_gap(checks.hourly):.0e} (`derive_oracle_billing.py`, `derive_oracle_hourly.py`).

## What this does not show

Simulated homes follow the model's form; real ones do not. What real homes do when nothing is done
is tested on a public house at every date ([read a report](../howto/read-a-report.md)); what a
fleet does by itself is the business of a comparison group. Soil and traffic have closed forms and
published worked numbers in their tests, and no truth to be calibrated on.
"""


def plots(checks: Checks) -> dict[str, str]:
    """Return the five drawings by file name.

    Parameters
    ----------
    checks : Checks
        What was found.

    Returns
    -------
    dict of str
        SVG.
    """
    counts, edges = np.histogram(checks.placebo_ratio, np.linspace(-2.5, 2.5, 26))
    return {
        "calibration.svg": _chart(
            (0.4, 1.0), (0.4, 1.0), "confidence stated", "truth inside",
            lambda x, y: _line(x, y, ((0.4, 0.4), (1, 1)), "#999")
            + _line(x, y, list(checks.coverage.items()), "#0b6e4f")
            + "".join(_dot(x(a), y(b)) for a, b in checks.coverage.items()),
        ),
        "placebo.svg": _chart(
            (-2.5, 2.5), (0, float(counts.max())), "savings over half-width", "homes",
            lambda x, y: "".join(
                f'<rect x="{x(a):.1f}" y="{y(c):.1f}" width="{x(b) - x(a) - 1:.1f}"'
                f' height="{y(0) - y(c):.1f}" fill="#0b6e4f"/>'
                for a, b, c in zip(edges, edges[1:], counts, strict=False)
            )
            + "".join(_line(x, y, ((e, 0), (e, counts.max())), "#b00") for e in (-1, 1)),
        ),
        "oracle.svg": _scatter(checks.oracle),
        "oracle_billing.svg": _scatter(checks.billing),
        "oracle_hourly.svg": _scatter(checks.hourly),
    }  # fmt: skip


def _gap(pairs: Pairs) -> float:
    return max(abs(ours / theirs - 1) for theirs, ours in pairs)


def _scatter(pairs: Pairs) -> str:
    high = max(max(pair) for pair in pairs) * 1.05
    low = min(0.0, min(min(pair) for pair in pairs) * 1.05)
    return _chart(
        (low, high), (low, high), "eemeter 2.10.11 [kWh]", "Cobenefit [kWh]",
        lambda x, y: _line(x, y, ((low, low), (high, high)), "#999")
        + "".join(_dot(x(a), y(b)) for a, b in pairs[:200]),
    )  # fmt: skip


def _chart(
    xs: tuple[float, float], ys: tuple[float, float], x_name: str, y_name: str,
    draw: Callable[[Callable[[float], float], Callable[[float], float]], str],
) -> str:  # fmt: skip
    def x(value: float) -> float:
        return _M + (value - xs[0]) / (xs[1] - xs[0]) * (_W - _M - 10)

    def y(value: float) -> float:
        return _H - _M - (value - ys[0]) / (ys[1] - ys[0]) * (_H - _M - 10)

    ends = "".join(
        f'<text x="{x(v):.0f}" y="{_H - _M + 16}" text-anchor="middle">{v:.3g}</text>' for v in xs
    ) + "".join(f'<text x="{_M - 6}" y="{y(v):.0f}" text-anchor="end">{v:.3g}</text>' for v in ys)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_W} {_H}" role="img"'
        f' aria-label="{y_name} against {x_name}" font-family="sans-serif" font-size="12">'
        f'<rect width="{_W}" height="{_H}" fill="#fff"/>'
        f'<path d="M{_M} 10V{_H - _M}H{_W - 10}" fill="none" stroke="#444"/>{ends}'
        f'<text x="{(_W + _M) / 2:.0f}" y="{_H - 8}" text-anchor="middle">{x_name}</text>'
        f'<text transform="translate(14 {(_H - _M) / 2:.0f}) rotate(-90)"'
        f' text-anchor="middle">{y_name}</text>{draw(x, y)}</svg>\n'
    )


def _line(x: Any, y: Any, points: Any, colour: str) -> str:
    path = "L".join(f"{x(a):.1f} {y(b):.1f}" for a, b in points)
    return f'<path d="M{path}" fill="none" stroke="{colour}"/>'


def _dot(x: float, y: float) -> str:
    return f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#0b6e4f"/>'


def main() -> None:
    """Write the page and its plots."""
    checks = check()
    PAGE.write_text(page(checks, HOMES), encoding="utf-8")
    for name, drawing in plots(checks).items():
        (IMAGES / name).write_text(drawing, encoding="utf-8")
    print(f"{PAGE}: {checks.coverage[0.9]:.1%} of the 90 % intervals hold the truth")


if __name__ == "__main__":
    main()
