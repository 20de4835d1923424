"""Every reason to doubt a baseline and its savings, whatever model it is."""

import numpy as np

from cobenefit_backend.estimate import students_t
from cobenefit_backend.estimate.baseline import Baselines
from cobenefit_backend.estimate.hourly_savings import HourlyStatistics
from cobenefit_backend.estimate.quantity import Disqualification, Interval
from cobenefit_backend.estimate.savings import Savings
from cobenefit_backend.estimate.split import SplitBaselines

MIN_BASELINE_DAYS = 328
MAX_MISSING_RATIO = 0.10
MAX_MEAN_KWH = 2000
MAX_CHANGE = 50
MAX_CV_RMSE = 1.0
MAX_FSU_68 = 0.50
Statistics = Baselines | SplitBaselines | HourlyStatistics
"""What every model says of its residuals, by meter."""


def records_of(models: Statistics, saved: Savings) -> tuple[Disqualification, ...]:
    """Return every reason to doubt a baseline and its savings.

    Parameters
    ----------
    models : Statistics
        Of the fitted baselines.
    saved : Savings
        Savings of the same meters.

    Returns
    -------
    tuple of Disqualification
        Each with the number of meters concerned. [1]

    Notes
    -----
    CalTRACK 2.0, sections 2.2.1.2 (at most 37 of 365 days missing) and 4.3.2.1
    (CV(RMSE) <= 1.0); ASHRAE Guideline 14-2014 (FSU <= 50 % at 68 %).
    """
    t_68 = students_t.quantile(0.84, models.valid_days - models.parameters)
    t_90 = students_t.quantile(0.95, models.valid_days - models.parameters)
    missing = 1 - models.valid_days / max(models.expected_days, 1)
    checks = (
        (
            "baseline_too_short",
            models.valid_days < MIN_BASELINE_DAYS,
            f"Fewer than {MIN_BASELINE_DAYS} valid baseline days.",
        ),
        (
            "baseline_coverage",
            missing > MAX_MISSING_RATIO,
            "More than 10 % of the baseline days are missing.",
        ),
        (
            "weak_baseline",
            ~(models.cv_rmse <= MAX_CV_RMSE),
            "The baseline explains the use too weakly: CV(RMSE) above 1.",
        ),
        (
            "not_significant",
            ~saved.significant,
            "The 90 % interval of the savings contains zero.",
        ),
        (
            "imprecise_savings",
            saved.significant & (saved.fsu_90 * t_68 / t_90 > MAX_FSU_68),
            "The savings differ from zero but their uncertainty exceeds 50 % at 68 %.",
        ),
    )
    records = [
        Disqualification(code, text, {"meters": int(failed.sum())})
        for code, failed, text in checks
        if failed.any()
    ]
    if not models.has_weather:
        records.insert(
            0, Disqualification("no_weather", "No temperatures: the baseline is a mean.")
        )
    return (*records, *_unit_records(models, saved))


def _unit_records(models: Statistics, saved: Savings) -> tuple[Disqualification, ...]:
    """Doubt the unit of a use like that of a large building, or that changes by a factor of 50."""
    large = models.mean_kwh > MAX_MEAN_KWH
    with np.errstate(divide="ignore", invalid="ignore"):
        change = np.abs(np.log(saved.observed_kwh / saved.counterfactual_kwh))
    jumped = (saved.observed_kwh > 0) & (change > np.log(MAX_CHANGE))
    records = []
    if large.any():
        text = f"Mean use above {MAX_MEAN_KWH} kWh per day: make sure that it is not given in Wh."
        records.append(Disqualification("unit_suspected", text, {"meters": int(large.sum())}))
    if jumped.any():
        text = f"Use changed by more than a factor of {MAX_CHANGE}: is one period in Wh?"
        records.append(Disqualification("unit_changed", text, {"meters": int(jumped.sum())}))
    return tuple(records)


def comparison_records(ratio: Interval | None) -> tuple[Disqualification, ...]:
    """Return the record that no comparison group was given, if so.

    Parameters
    ----------
    ratio : Interval or None
        What the comparison group "saved", as a share of its use. [1]

    Returns
    -------
    tuple of Disqualification
        `no_comparison_group`, or nothing.
    """
    if ratio is not None:
        return ()
    return (
        Disqualification(
            "no_comparison_group",
            "Pre/post, no control: prices, mild weather or habits are credited to the meter.",
        ),
    )
